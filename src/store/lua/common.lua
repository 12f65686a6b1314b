-- Put in front of every script.

local function integer(value)
  -- Adding 0 makes 0 of -0, which Redis would not take.
  return string.format('%.0f', (tonumber(value) or 0) + 0)
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
