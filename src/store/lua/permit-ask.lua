-- ASK: may a job call a model now?
-- KEYS root   ARGV permit job provider model key day slotsMax reserve dayMax leaseMs fails keepMs paceMs
--   slotsMax 0: any number   dayMax empty: any amount   fails: that many in a row open the breaker
-- OK | WAIT ms why | BUDGET spent reserved
--   why: rate_limited (the provider named a time) | failing (the breaker is open) | probing (another call tries
--   whether it still fails) | busy (all slots are taken)
-- Who waits is told to come back at another time than the others, one every paceMs, so that however many wait,
-- Redis and the workers are asked at the same pace.
local id, job, provider, model, api_key, day = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local slots_max, reserve, day_max = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local lease_ms, fails_max, keep_ms, pace_ms = tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12], tonumber(ARGV[13])
local now = now_ms()
-- The reply to the same question was lost.
if read_permit(id) then return { 'OK' } end
end_expired(now)

local waiting = key('waiting', provider)
local function wait(ms, why)
  redis.call('ZREMRANGEBYSCORE', waiting, '-inf', now - 60000)
  -- Who has waited already comes before whoever is new.
  local place = redis.call('ZRANK', waiting, job) or redis.call('ZCARD', waiting)
  local spread = math.min(pace_ms * place, 60000)
  redis.call('ZADD', waiting, now + ms + spread, job)
  redis.call('PEXPIRE', waiting, keep_ms)
  return { 'WAIT', integer(ms + spread), why }
end

local limited = tonumber(redis.call('HGET', key('limit', provider .. '/' .. model), 'until') or '0')
if limited > now then return wait(limited - now, 'rate_limited') end
local breaker = redis.call('HMGET', key('breaker', provider), 'until', 'fails', 'probe')
local open_until = tonumber(breaker[1] or '0')
if open_until > now then return wait(open_until - now, 'failing') end
local is_probe = tonumber(breaker[2] or '0') >= fails_max
if is_probe and breaker[3] then return wait(pace_ms * 10, 'probing') end
local slots = key('slots', provider)
if slots_max > 0 and redis.call('SCARD', slots) >= slots_max then return wait(pace_ms * 2, 'busy') end
local spent_key = key('spent', day)
if day_max then
  local money = redis.call('HMGET', spent_key, 'spent', 'reserved')
  local spent, reserved = tonumber(money[1] or '0'), tonumber(money[2] or '0')
  if spent + reserved + reserve > day_max then return { 'BUDGET', integer(spent), integer(reserved) } end
end

local permit = { p = provider, m = model, k = api_key, d = day, r = reserve, c = {} }
count_usage(permit, { calls = 1 }, keep_ms)
write_permit(id, permit)
redis.call('ZADD', key('expiry'), now + lease_ms, id)
redis.call('SADD', slots, id)
redis.call('ZREM', waiting, job)
redis.call('HINCRBY', spent_key, 'reserved', integer(reserve))
redis.call('PEXPIRE', spent_key, keep_ms)
if is_probe then redis.call('HSET', key('breaker', provider), 'probe', id) end
return { 'OK' }
