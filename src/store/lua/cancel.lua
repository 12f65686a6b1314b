-- CANCEL: asks for the end of a job; ends it at once when nothing owns it.
-- KEYS state events inbox
-- ARGV run channel expireMs keepBytes keepEvents job at nFields (field value)* requested ended wake
--   requested, ended: payloads of `cancel.requested` and of `job.ended`; the fields go with `ended`.
-- NOJOB | ENDED | STOPPING
local state, events, inbox = KEYS[1], KEYS[2], KEYS[3]
local s = redis.call('HMGET', state, 'ep', 'done', 'cancel', 'own', 'att')
if not s[1] then return { 'NOJOB' } end
if s[2] then return { 'ENDED' } end
local fields, at = read_fields(8)
local items = {}
if not s[4] then items = withdraw_interactions(state, ARGV[6], tonumber(s[5]), ARGV[7]) end
if not s[3] then
  items[#items + 1] = 'cancel.requested'
  items[#items + 1] = ARGV[at]
end
if not s[4] then
  items[#items + 1] = 'job.ended'
  items[#items + 1] = ARGV[at + 1]
end
if #items > 0 then
  append_items({
    state = state, events = events, channel = ARGV[2], run = ARGV[1], done = not s[4],
    keep = { bytes = tonumber(ARGV[4]), events = tonumber(ARGV[5]) },
  }, read_position(state), items)
end
redis.call('HSET', state, 'cancel', '1')
if s[4] then
  redis.call('PUBLISH', ARGV[at + 2], 'cancel')
  return { 'STOPPING' }
end
redis.call('HSET', state, unpack(fields))
finish(state, events, inbox, ARGV[3])
return { 'ENDED' }
