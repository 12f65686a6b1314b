-- READ: a piece of a log behind `after`, with the state of the log at the same instant; no longer than
-- countMax events and, but for its first event, bytesMax bytes, because events differ in size a hundredfold.
-- KEYS state events   ARGV after countMax bytesMax
-- an empty list where there is no job | epoch seq min done (seq type payload)*
local s = redis.call('HMGET', KEYS[1], 'ep', 'seq', 'min', 'done')
if not s[1] then return {} end
local reply = { s[1], s[2], s[3], s[4] or '0' }
local after, count, bytes = tonumber(ARGV[1]), 0, 0
while count < tonumber(ARGV[2]) do
  local wanted = math.min(16, tonumber(ARGV[2]) - count)
  local block = redis.call('XRANGE', KEYS[2], integer(after + 1) .. '-0', '+', 'COUNT', wanted)
  for _, entry in ipairs(block) do
    local payload = entry[2][4]
    bytes = bytes + #payload
    if count > 0 and bytes > tonumber(ARGV[3]) then return reply end
    count = count + 1
    after = tonumber(string.sub(entry[1], 1, -3))
    reply[#reply + 1] = integer(after)
    reply[#reply + 1] = entry[2][2]
    reply[#reply + 1] = payload
  end
  if #block < wanted then return reply end
end
return reply
