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
--   lost   attempts lost with their worker   parks  attempts a provider's limit ended
--   due    when the next attempt may begin
--   cancel set once someone asked for it     ttl    when a job that never started expires
--   ib     bytes waiting in the inbox        p:*    last number each producer appended
--   m:* mr:* mc  the last message ids        i:*    interactions
--   stAt   number of its first event, or a little less
--   scr    screen of the newest attempt      scrAt  number of the last event that is in it

-- What append_items must know of a log. A script that reads more of the hash reads these first, in this order.
local function read_position(state)
  return redis.call('HMGET', state, 'ep', 'run', 'seq', 'bytes', 'min')
end

-- Opens a new epoch when the log was written to another Redis than this one, or is to be made
-- good after a rollback. Two rollbacks would open the same epoch twice without the clock.
local function settle_epoch(log, stored_epoch, stored_run)
  if not log.force and stored_run == log.run then return stored_epoch end
  local epoch = math.max(stored_epoch + 1, now_ms())
  redis.call('HSET', log.state, 'ep', integer(epoch), 'run', log.run)
  return epoch
end

-- Drops whole blocks from the old end until the log, which ends at seq, is inside both of its limits.
local function trim(log, seq, bytes, min)
  local bytes_goal = math.floor(log.keep.bytes * 0.9)
  local events_goal = math.floor(log.keep.events * 0.95)
  while min < seq and (bytes > bytes_goal or seq - min + 1 > events_goal) do
    local block = redis.call('XRANGE', log.events, '-', '+', 'COUNT', 32)
    if #block == 0 then break end
    for _, entry in ipairs(block) do
      if min >= seq or (bytes <= bytes_goal and seq - min + 1 <= events_goal) then break end
      bytes = bytes - #entry[2][4]
      min = min + 1
    end
    redis.call('XTRIM', log.events, 'MINID', integer(min) .. '-0')
  end
  redis.call('HSET', log.state, 'min', integer(min), 'bytes', integer(bytes))
end

-- Appends, trims and announces the items, and sets the fields of log.fields, if any: names and values in turn.
-- position: as read_position answers it; more may follow. items: from index `from` on, type and payload in turn.
-- Answers seq and epoch. This is what every event of every job runs through: it does nothing twice.
local function append_items(log, position, items, from)
  local epoch = settle_epoch(log, tonumber(position[1]), position[2])
  local seq, bytes, min = tonumber(position[3]), tonumber(position[4]), tonumber(position[5])
  local said, length = { integer(epoch), ' ', integer(seq + 1), log.done and ' 1' or ' 0' }, 4
  for index = from or 1, #items, 2 do
    local name, payload = items[index], items[index + 1]
    seq = seq + 1
    bytes = bytes + #payload
    redis.call('XADD', log.events, seq .. '-0', 't', name, 'd', payload)
    said[length + 1], said[length + 2], said[length + 3], said[length + 4] = '\n', name, ' ', payload
    length = length + 4
  end
  redis.call('HSET', log.state, 'seq', seq, 'bytes', bytes, unpack(log.fields or {}))
  if bytes > log.keep.bytes or seq - min + 1 > log.keep.events then trim(log, seq, bytes, min) end
  redis.call('PUBLISH', log.channel, table.concat(said))
  return seq, epoch
end

-- Questions of an attempt end with it. A field `i:<id>` holds `<status> <json>`. Each becomes an event
-- with a key of its own. Answers them as items, to be put before whatever else is appended.
local function withdraw_interactions(state, job, attempt, at)
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
  local items = {}
  for _, id in ipairs(open) do
    local payload = cjson.encode({
      key = job .. '/i:' .. id .. '/2', job = job, attempt = attempt, type = 'interaction.resolved',
      at = at, data = { id = id, outcome = 'withdrawn', by = 'service' },
    })
    items[#items + 1] = 'interaction.resolved'
    items[#items + 1] = payload
  end
  return items
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
