-- SEND: puts a message for the running attempt into the inbox of a job, once.
-- KEYS state inbox   ARGV message body bytes bytesMax remembered wake needs messagesMax
--   message: the sender's id, or empty. bytes: what it adds to the program's input.
--   needs: `input` or `signals`; the field `input` of a job says which of them it takes.
-- NOJOB | IDLE status (nothing runs) | CLOSED (takes no input) | OVERFLOW | DUP | OK
local state, inbox = KEYS[1], KEYS[2]
local message, bytes = ARGV[1], tonumber(ARGV[3])
local s = redis.call('HMGET', state, 'ep', 'done', 'own', 'att', 'st', 'ib', 'mc', 'status', 'input')
if not s[1] then return { 'NOJOB' } end
if message ~= '' and redis.call('HEXISTS', state, 'm:' .. message) == 1 then return { 'DUP' } end
if s[2] or not s[3] or s[4] ~= s[5] then return { 'IDLE', s[8] } end
if s[9] ~= 'input' and s[9] ~= ARGV[7] then return { 'CLOSED' } end
local waiting = tonumber(s[6] or '0')
if waiting + bytes > tonumber(ARGV[4]) or redis.call('XLEN', inbox) >= tonumber(ARGV[8]) then
  return { 'OVERFLOW' }
end
redis.call('XADD', inbox, '*', 'a', s[4], 'm', message, 'n', ARGV[3], 'b', ARGV[2])
redis.call('HSET', state, 'ib', integer(waiting + bytes))
if message ~= '' then
  local slot = (tonumber(s[7] or '0') % tonumber(ARGV[5]))
  local old = redis.call('HGET', state, 'mr:' .. integer(slot))
  if old then redis.call('HDEL', state, 'm:' .. old) end
  redis.call('HSET', state, 'm:' .. message, '1', 'mr:' .. integer(slot), message)
  redis.call('HINCRBY', state, 'mc', 1)
end
redis.call('PUBLISH', ARGV[6], 'inbox')
return { 'OK' }
