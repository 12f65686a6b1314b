-- EXPIRE: ends a job that waited longer than its ttl and never started.
-- KEYS state events inbox
-- ARGV run channel expireMs keepBytes keepEvents job at nFields (field value)* ended
-- NOJOB | ENDED (it has ended, by this call or before) | KEPT (it may still run)
local state, events, inbox = KEYS[1], KEYS[2], KEYS[3]
local s = redis.call('HMGET', state, 'ep', 'done', 'own', 'lease', 'st', 'ttl', 'att')
if not s[1] then return { 'NOJOB' } end
if s[2] then return { 'ENDED' } end
local now = now_ms()
if s[5] ~= '0' or not s[6] or tonumber(s[6]) > now or (s[3] and tonumber(s[4]) > now) then
  return { 'KEPT' }
end
local fields, at = read_fields(8)
local items = withdraw_interactions(state, ARGV[6], tonumber(s[7]), ARGV[7])
items[#items + 1] = 'job.ended'
items[#items + 1] = ARGV[at]
append_items({
  state = state, events = events, channel = ARGV[2], run = ARGV[1], done = true,
  keep = { bytes = tonumber(ARGV[4]), events = tonumber(ARGV[5]) },
}, read_position(state), items)
redis.call('HSET', state, unpack(fields))
finish(state, events, inbox, ARGV[3])
return { 'ENDED' }
