-- RENEW: the owner says that it lives. KEYS state   ARGV attempt token leaseMs
-- NOJOB | DONE | FENCED | OK cancel
local s = redis.call('HMGET', KEYS[1], 'ep', 'done', 'att', 'own', 'cancel')
if not s[1] then return { 'NOJOB' } end
if s[2] then return { 'DONE' } end
if s[3] ~= ARGV[1] or s[4] ~= ARGV[2] then return { 'FENCED' } end
redis.call('HSET', KEYS[1], 'lease', integer(now_ms() + tonumber(ARGV[3])))
redis.call('HDEL', KEYS[1], 'mark')
return { 'OK', s[5] and '1' or '0' }
