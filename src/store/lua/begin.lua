-- BEGIN: a worker asks for the right to run a job. Everything else it does needs the token it gives here.
-- KEYS state events inbox   ARGV token leaseMs noticeMs job at run channel keepBytes keepEvents
-- NOJOB | DONE | BUSY ms | WAIT ms | EXPIRED | OK attempt prev cancel used lost parks
--   prev: none (first attempt) | closed (ended in order) | unstarted | started (both lost with their worker)
--   An attempt that took over a started one and was lost before it started itself leaves it at `started`.
-- A living owner is never taken by surprise: when its lease is over it is marked, and only
-- noticeMs later taken over; any sign of life (RENEW, APPEND) clears the mark.
local state, events, inbox = KEYS[1], KEYS[2], KEYS[3]
local token, lease_ms, notice_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local s = redis.call('HMGET', state, 'ep', 'done', 'own', 'lease', 'mark', 'due', 'att', 'st', 'prev',
  'cancel', 'used', 'lost', 'ttl', 'parks')
if not s[1] then return { 'NOJOB' } end
if s[2] then return { 'DONE' } end
local own, now = s[3], now_ms()
local attempt, started = tonumber(s[7]), tonumber(s[8])
local cancel = s[10] and '1' or '0'
if own == token then return { 'OK', integer(attempt), s[9], cancel, s[11], s[12], s[14] or '0' } end
if own then
  local lease = tonumber(s[4])
  if lease > now then return { 'BUSY', integer(lease - now) } end
  if not s[5] then
    redis.call('HSET', state, 'mark', integer(now))
    return { 'BUSY', integer(notice_ms) }
  end
  local left = tonumber(s[5]) + notice_ms - now
  if left > 0 then return { 'BUSY', integer(left) } end
elseif s[6] and tonumber(s[6]) > now then
  return { 'WAIT', integer(tonumber(s[6]) - now) }
end
if started == 0 and s[13] and tonumber(s[13]) <= now and cancel == '0' then return { 'EXPIRED' } end

local prev = 'closed'
if attempt == 0 then prev = 'none'
elseif own then prev = (started == attempt or s[9] == 'started') and 'started' or 'unstarted' end
local lost = tonumber(s[12]) + ((prev == 'started' or prev == 'unstarted') and 1 or 0)
local withdrawn = withdraw_interactions(state, ARGV[4], attempt, ARGV[5])
if #withdrawn > 0 then
  append_items({
    state = state, events = events, channel = ARGV[7], run = ARGV[6],
    keep = { bytes = tonumber(ARGV[8]), events = tonumber(ARGV[9]) },
  }, read_position(state), withdrawn)
end
attempt = attempt + 1
redis.call('HDEL', state, 'mark', 'due', 'ib')
redis.call('DEL', inbox)
redis.call('HSET', state, 'att', integer(attempt), 'own', token, 'lease', integer(now + lease_ms),
  'prev', prev, 'lost', integer(lost))
return { 'OK', integer(attempt), prev, cancel, s[11], integer(lost), s[14] or '0' }
