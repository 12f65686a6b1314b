-- KEEP: the worker of these permits lives; and what calls have used so far.
-- KEYS root   ARGV leaseMs keepMs (permit usage)*
--   usage: JSON metric -> whole count so far, or empty
-- KEPT
local now = now_ms()
for index = 3, #ARGV, 2 do
  local id, usage = ARGV[index], ARGV[index + 1]
  redis.call('ZADD', key('expiry'), 'XX', now + tonumber(ARGV[1]), id)
  local permit = usage ~= '' and read_permit(id)
  if permit then
    count_usage(permit, cjson.decode(usage), ARGV[2])
    write_permit(id, permit)
  end
end
return { 'KEPT' }
