-- CREATE: makes a job and appends its first event, once.
-- KEYS state events   ARGV run channel keepBytes keepEvents nFields (field value)* type payload
-- EXISTS seq epoch | OK seq epoch
local state, events = KEYS[1], KEYS[2]
local position = redis.call('HMGET', state, 'ep', 'seq')
if position[1] then return { 'EXISTS', position[2], position[1] } end
local fields, at = read_fields(5)
local run = ARGV[1]
redis.call('HSET', state, 'ep', integer(now_ms()), 'run', run, 'seq', '0', 'min', '1', 'bytes', '0',
  'att', '0', 'st', '0', 'used', '0', 'lost', '0', unpack(fields))
local seq, epoch = append_items({
  state = state, events = events, channel = ARGV[2], run = run,
  keep = { bytes = tonumber(ARGV[3]), events = tonumber(ARGV[4]) },
}, read_position(state), { ARGV[at], ARGV[at + 1] })
return { 'OK', integer(seq), integer(epoch) }
