-- APPEND: stores a batch of events once, numbers them and announces them.
-- KEYS state events inbox
-- ARGV producer attempt token run firstPseq flags dueMs leaseMs expireMs channel keepBytes keepEvents
--      job at nFields (field value)* (type payload)*
--   attempt and token are empty for producers that are no worker's attempt.
--   flags, separated by commas: start, close, counted, final, resync=<last pseq the script answered>
--   dueMs with close: how long until the next attempt may begin.
-- NOJOB | DUP seq epoch cancel | FENCED | CLOSED | GAP last | CANCELLED | OK seq epoch cancel
-- DUP comes before FENCED: close and final clear the owner, and their retry must not look fenced.
local state, events, inbox = KEYS[1], KEYS[2], KEYS[3]
local producer, attempt, token, run = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local first_pseq = tonumber(ARGV[5])
local flags = {}
for name, value in string.gmatch(ARGV[6], '([a-z]+)=?(%d*)') do flags[name] = value end
local fields, next_argument = read_fields(15)
local count = (#ARGV - next_argument + 1) / 2

local s = redis.call('HMGET', state, 'ep', 'seq', 'done', 'att', 'own', 'cancel', 'p:' .. producer)
if not s[1] then return { 'NOJOB' } end
local cancel = s[6] and '1' or '0'
local last = tonumber(s[7] or '0')
if first_pseq + count - 1 <= last then return { 'DUP', s[2], s[1], cancel } end
if attempt ~= '' and (s[4] ~= attempt or s[5] ~= token) then return { 'FENCED' } end
if s[3] then return { 'CLOSED' } end
-- A worker never leaves a hole, except where it was told `last` and reports what is gone itself.
if attempt ~= '' and first_pseq > last + 1 and flags.resync ~= integer(last) then
  return { 'GAP', integer(last) }
end
-- What had started before a rollback took the start has started; only a first start can be refused.
if flags.start and s[6] and not flags.resync then return { 'CANCELLED' } end

local items = {}
for index = 0, count - 1 do
  if first_pseq + index > last then
    local at = next_argument + index * 2
    items[#items + 1] = { ARGV[at], ARGV[at + 1] }
  end
end
if flags.close or flags.final then
  withdraw_interactions(state, ARGV[13], tonumber(s[4]), ARGV[14], items)
end
local seq, epoch = append_items({
  state = state, events = events, channel = ARGV[10], run = run, force = flags.resync ~= nil,
  done = flags.final ~= nil, keep = { bytes = tonumber(ARGV[11]), events = tonumber(ARGV[12]) },
}, items)
redis.call('HSET', state, 'p:' .. producer, integer(first_pseq + count - 1), unpack(fields))
if attempt ~= '' then
  redis.call('HSET', state, 'lease', integer(now_ms() + tonumber(ARGV[8])))
  redis.call('HDEL', state, 'mark')
end
if flags.start then redis.call('HSET', state, 'st', attempt) end
if flags.counted then redis.call('HINCRBY', state, 'used', 1) end
if flags.close then
  redis.call('HDEL', state, 'own', 'lease', 'mark', 'ib')
  redis.call('DEL', inbox)
  redis.call('HSET', state, 'due', integer(now_ms() + tonumber(ARGV[7])))
end
if flags.final then finish(state, events, inbox, ARGV[9]) end
return { 'OK', integer(seq), integer(epoch), cancel }
