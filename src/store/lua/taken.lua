-- TAKEN: the owner has handed a message to the program. KEYS state inbox   ARGV token entry bytes
-- OK | FENCED
if redis.call('HGET', KEYS[1], 'own') ~= ARGV[1] then return { 'FENCED' } end
if redis.call('XDEL', KEYS[2], ARGV[2]) == 1 then
  redis.call('HINCRBY', KEYS[1], 'ib', -tonumber(ARGV[3]))
end
return { 'OK' }
