-- Shared by the scripts that permit calls of models; put in front of each of them. All of their keys begin with KEYS[1].
--   permits            hash: permit -> JSON { p, m, k, d, r, c }: provider, model, key, day, what is left of its
--                      reservation, what is counted of its usage
--   expiry             sorted set: permits, by the time at which their worker is taken for dead
--   slots:<p>          set: permits of a provider
--   waiting:<p>        sorted set: jobs that wait for it, by the time they come back
--   breaker:<p>        hash: fails (in a row), opens (in a row), until, probe (the one permit that tries)
--   limit:<p>/<m>      hash: until, times (in a row)
--   spent:<d>          hash: spent, reserved; in billionths of a dollar
--   usage:<d>, total   hash: JSON [p, m, k, metric] -> count
-- A permit that is not given back, since its worker died, ends with its lease; what it used so far was counted.

local root = KEYS[1]

local function key(...)
  return root .. ':' .. table.concat({ ... }, ':')
end

local function read_permit(id)
  local text = redis.call('HGET', key('permits'), id)
  return text and cjson.decode(text) or nil
end

local function write_permit(id, permit)
  redis.call('HSET', key('permits'), id, cjson.encode(permit))
end

-- Adds what a call has used since it was last counted; `usage`: metric -> whole count so far.
local function count_usage(permit, usage, keep_ms)
  local day, spent = permit.d, key('spent', permit.d)
  for metric, whole in pairs(usage) do
    local more = whole - (permit.c[metric] or 0)
    if more ~= 0 then
      local field = cjson.encode({ permit.p, permit.m, permit.k, metric })
      redis.call('HINCRBY', key('usage', day), field, integer(more))
      redis.call('HINCRBY', key('total'), field, integer(more))
      if metric == 'nanoUsd' then
        redis.call('HINCRBY', spent, 'spent', integer(more))
        local freed = math.max(0, math.min(permit.r, more))
        permit.r = permit.r - freed
        redis.call('HINCRBY', spent, 'reserved', integer(-freed))
      end
      permit.c[metric] = whole
    end
  end
  redis.call('PEXPIRE', key('usage', day), keep_ms)
  redis.call('PEXPIRE', spent, keep_ms)
end

-- Ends a permit: its slot, what is left of its reservation, and its turn to try a provider that failed.
local function end_permit(id, permit)
  redis.call('HINCRBY', key('spent', permit.d), 'reserved', integer(-permit.r))
  redis.call('HDEL', key('permits'), id)
  redis.call('ZREM', key('expiry'), id)
  redis.call('SREM', key('slots', permit.p), id)
  local breaker = key('breaker', permit.p)
  if redis.call('HGET', breaker, 'probe') == id then redis.call('HDEL', breaker, 'probe') end
end

local function end_expired(now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('expiry'), '-inf', now, 'LIMIT', 0, 100)) do
    local permit = read_permit(id)
    if permit then end_permit(id, permit) else redis.call('ZREM', key('expiry'), id) end
  end
end
