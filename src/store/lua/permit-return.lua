-- RETURN: a call is over; what it used, and what it tells of its provider.
-- KEYS root   ARGV permit usage outcome hintMs fails openMsMin openMsMax limitMsMin limitMsMax keepMs
--   outcome: ok | rate_limited | failing | none (it says nothing of the provider)
--   hintMs: how long the provider asks to wait; empty where it does not say
-- RETURNED | GONE (it had ended before; nothing is counted twice)
local id, outcome, hint = ARGV[1], ARGV[3], tonumber(ARGV[4])
local permit = read_permit(id)
if not permit then return { 'GONE' } end
if ARGV[2] ~= '' then count_usage(permit, cjson.decode(ARGV[2]), ARGV[10]) end
end_permit(id, permit)
local now = now_ms()
local breaker, limit = key('breaker', permit.p), key('limit', permit.p .. '/' .. permit.m)

-- A wait that doubles each time in a row, between two bounds.
local function doubling(times, least, most)
  return math.min(most, least * 2 ^ math.min(times - 1, 20))
end

if outcome == 'ok' then
  redis.call('DEL', breaker, limit)
elseif outcome == 'rate_limited' then
  local times = redis.call('HINCRBY', limit, 'times', 1)
  local wait_ms = hint or doubling(times, tonumber(ARGV[8]), tonumber(ARGV[9]))
  local known = tonumber(redis.call('HGET', limit, 'until') or '0')
  redis.call('HSET', limit, 'until', integer(math.max(known, now + wait_ms)))
  redis.call('PEXPIRE', limit, integer(wait_ms + 3600000))
elseif outcome == 'failing' then
  local fails = redis.call('HINCRBY', breaker, 'fails', 1)
  if fails >= tonumber(ARGV[5]) then
    local opens = redis.call('HINCRBY', breaker, 'opens', 1)
    redis.call('HSET', breaker, 'until', integer(now + doubling(opens, tonumber(ARGV[6]), tonumber(ARGV[7]))))
  end
  redis.call('PEXPIRE', breaker, 3600000)
end
return { 'RETURNED' }
