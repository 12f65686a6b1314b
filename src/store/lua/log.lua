-- Shared by every script that writes to the log of a job; put in front of each of them.
-- Nothing here answers; a script checks everything first and then calls these, because an error
-- in the middle of a script leaves the earlier writes in place.
--
-- The hash at `state` holds, beside the job resource:
--   ep     epoch: the log is one unbroken history only within it
--   run    run id of the Redis that the epoch began on
--   seq    number of the newest event        min    number of the oldest that is kept
--   bytes  size of the kept events           done   set once the job has ended
--   att    newest attempt                    own    token of the attempt that runs it, if any
--   lease  until when `own` needs no proof   mark   when a takeover was announced to `own`
--   st     newest attempt that started       used   failed attempts that count
--   lost   attempts lost with their worker   due    when the next attempt may begin
--   cancel set once someone asked for it     ttl    when a job that never started expires
--   ib     bytes waiting in the inbox        p:*    last number each producer appended
--   m:* mr:* mc  the last message ids        i:*    interactions

local function integer(value)
  return string.format('%.0f', tonumber(value) or 0)
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function number_of(state, field)
  return tonumber(redis.call('HGET', state, field) or '0') or 0
end

-- Opens a new epoch when the log was written to another Redis than this one, or is to be made
-- good after a rollback. Two rollbacks would open the same epoch twice without the clock.
local function settle_epoch(state, run, force)
  local stored = redis.call('HMGET', state, 'ep', 'run')
  if force or stored[2] ~= run then
    local epoch = math.max(tonumber(stored[1]) + 1, now_ms())
    redis.call('HSET', state, 'ep', integer(epoch), 'run', run)
    return epoch
  end
  return tonumber(stored[1])
end

-- Drops whole blocks from the old end until the log is inside both of its limits.
local function trim(state, events, seq, bytes, keep)
  local min = number_of(state, 'min')
  if bytes <= keep.bytes and seq - min + 1 <= keep.events then return bytes end
  local bytes_goal = math.floor(keep.bytes * 0.9)
  local events_goal = math.floor(keep.events * 0.95)
  while min < seq and (bytes > bytes_goal or seq - min + 1 > events_goal) do
    local block = redis.call('XRANGE', events, '-', '+', 'COUNT', 32)
    if #block == 0 then break end
    for _, entry in ipairs(block) do
      if min >= seq or (bytes <= bytes_goal and seq - min + 1 <= events_goal) then break end
      bytes = bytes - #entry[2][4]
      min = min + 1
    end
    redis.call('XTRIM', events, 'MINID', integer(min) .. '-0')
  end
  redis.call('HSET', state, 'min', integer(min), 'bytes', integer(bytes))
  return bytes
end

-- items: {{type, payload}, ...}. Appends, trims and announces them; answers seq and epoch.
local function append_items(log, items)
  local epoch = settle_epoch(log.state, log.run, log.force)
  local position = redis.call('HMGET', log.state, 'seq', 'bytes')
  local first = tonumber(position[1]) + 1
  local seq, bytes = first - 1, tonumber(position[2])
  local lines = {}
  for index, item in ipairs(items) do
    seq = seq + 1
    bytes = bytes + #item[2]
    redis.call('XADD', log.events, integer(seq) .. '-0', 't', item[1], 'd', item[2])
    lines[index] = item[1] .. ' ' .. item[2]
  end
  redis.call('HSET', log.state, 'seq', integer(seq), 'bytes', integer(bytes))
  trim(log.state, log.events, seq, bytes, log.keep)
  local done = log.done and '1' or '0'
  local header = integer(epoch) .. ' ' .. integer(first) .. ' ' .. done
  redis.call('PUBLISH', log.channel, header .. '\n' .. table.concat(lines, '\n'))
  return seq, epoch
end

-- Questions of an attempt end with it. A field `i:<id>` holds `<status> <json>`. Each becomes an event
-- with a key of its own, put before whatever else is appended, so that `job.ended` stays last.
local function withdraw_interactions(state, job, attempt, at, items)
  local open = {}
  for _, field in ipairs(redis.call('HKEYS', state)) do
    if string.sub(field, 1, 2) == 'i:' then
      local value = redis.call('HGET', state, field)
      if string.sub(value, 1, 5) == 'open ' then
        redis.call('HSET', state, field, 'withdrawn ' .. string.sub(value, 6))
        open[#open + 1] = string.sub(field, 3)
      end
    end
  end
  table.sort(open)
  for index, id in ipairs(open) do
    local payload = cjson.encode({
      key = job .. '/i:' .. id .. '/2', job = job, attempt = attempt, type = 'interaction.resolved',
      at = at, data = { id = id, outcome = 'withdrawn', by = 'service' },
    })
    table.insert(items, index, { 'interaction.resolved', payload })
  end
end

-- The job is over: nothing owns it, nothing more is appended, and everything expires together.
local function finish(state, events, inbox, expire_ms)
  redis.call('HDEL', state, 'own', 'lease', 'mark', 'ib')
  redis.call('HSET', state, 'done', '1')
  redis.call('DEL', inbox)
  local at = integer(now_ms() + tonumber(expire_ms))
  redis.call('PEXPIREAT', state, at)
  redis.call('PEXPIREAT', events, at)
end

-- Reads `count` field/value pairs from ARGV at `from`; answers them and the next index.
local function read_fields(from)
  local count = tonumber(ARGV[from])
  local fields = {}
  for index = 1, count * 2 do fields[index] = ARGV[from + index] end
  return fields, from + count * 2 + 1
end
