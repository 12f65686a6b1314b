-- APPEND: stores a batch of events once, numbers them and announces them.
-- KEYS state events inbox
-- ARGV producer attempt token run firstPseq flags dueMs leaseMs expireMs channel keepBytes keepEvents
--      job at nFields (field value)* (type payload)*
--   attempt and token are empty for producers that are no worker's attempt.
--   flags, separated by commas: start, close, counted, parked, final, screen, resync=<last pseq the script answered>
--   with screen, the field scr is among the fields: the screen as it is after this batch
--   dueMs with close: how long until the next attempt may begin.
-- NOJOB | DUP seq epoch cancel | FENCED | CLOSED | GAP last | CANCELLED | OK seq epoch cancel
-- DUP comes before FENCED: close and final clear the owner, and their retry must not look fenced.
local state, events, inbox = KEYS[1], KEYS[2], KEYS[3]
local producer, attempt, token, run = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local first_pseq = tonumber(ARGV[5])
local flags = {}
if ARGV[6] ~= '' then
  for name, value in string.gmatch(ARGV[6], '([a-z]+)=?(%d*)') do flags[name] = value end
end
local fields, next_argument = read_fields(15)
local count = (#ARGV - next_argument + 1) / 2

local s = redis.call('HMGET', state, 'ep', 'run', 'seq', 'bytes', 'min', 'done', 'att', 'own', 'cancel', 'mark',
  'p:' .. producer)
if not s[1] then return { 'NOJOB' } end
local done, cancelled = s[6], s[9]
local cancel = cancelled and '1' or '0'
local last = tonumber(s[11] or '0')
if first_pseq + count - 1 <= last then return { 'DUP', s[3], s[1], cancel } end
if attempt ~= '' and (s[7] ~= attempt or s[8] ~= token) then return { 'FENCED' } end
if done then return { 'CLOSED' } end
-- A worker never leaves a hole, except where it was told `last` and reports what is gone itself.
if attempt ~= '' and first_pseq > last + 1 and flags.resync ~= integer(last) then
  return { 'GAP', integer(last) }
end
-- What had started before a rollback took the start has started; only a first start can be refused.
if flags.start and cancelled and not flags.resync then return { 'CANCELLED' } end

local items, from = ARGV, next_argument + math.max(0, last - first_pseq + 1) * 2
if flags.close or flags.final then
  items = withdraw_interactions(state, ARGV[13], tonumber(s[7]), ARGV[14])
  for index = from, #ARGV do items[#items + 1] = ARGV[index] end
  from = 1
end
local own_fields = #fields
fields[own_fields + 1], fields[own_fields + 2] = 'p:' .. producer, first_pseq + count - 1
if attempt ~= '' then
  fields[own_fields + 3], fields[own_fields + 4] = 'lease', now_ms() + tonumber(ARGV[8])
end
local seq, epoch = append_items({
  state = state, events = events, channel = ARGV[10], run = run, force = flags.resync ~= nil,
  done = flags.final ~= nil, keep = { bytes = tonumber(ARGV[11]), events = tonumber(ARGV[12]) },
  fields = fields,
}, s, items, from)
if attempt ~= '' and s[10] then redis.call('HDEL', state, 'mark') end
if flags.start then
  -- What a rollback took comes back with what followed it, so this is at or before the start.
  redis.call('HSET', state, 'st', attempt, 'stAt', seq - (#items - from + 1) / 2 + 1)
  redis.call('HDEL', state, 'scr', 'scrAt')
end
if flags.screen then redis.call('HSET', state, 'scrAt', seq) end
if flags.counted then redis.call('HINCRBY', state, 'used', 1) end
if flags.parked then redis.call('HINCRBY', state, 'parks', 1) end
if flags.close then
  redis.call('HDEL', state, 'own', 'lease', 'mark', 'ib')
  redis.call('DEL', inbox)
  redis.call('HSET', state, 'due', integer(now_ms() + tonumber(ARGV[7])))
end
if flags.final then finish(state, events, inbox, ARGV[9]) end
return { 'OK', seq, epoch, cancel }
