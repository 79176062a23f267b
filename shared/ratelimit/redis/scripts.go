//go:build !without_redis

package redis

// rateScript does an operation on a rate's key: see ratelimit.Op. The value is "spent:seconds:nanoseconds", what was spent in
// nanoseconds as of a time of the server, in two numbers so that each is exact in Lua's floating-point ones. The server's clock
// set back takes nothing and gives nothing. Nothing is written if nothing changes, and the key ends when all of it has drained.
const rateScript = `
local cost, capacity, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local age, floor, take = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'
local now = redis.call('TIME')
local s, ns = tonumber(now[1]), tonumber(now[2]) * 1000
local spent, write = -age, count > 0
local value = redis.call('GET', KEYS[1])
if value then
  local old, os, ons = string.match(value, '^(%d+):(%d+):(%d+)$')
  if old then
    local passed = (s - tonumber(os)) * 1e9 + (ns - tonumber(ons))
    if passed < 0 then
      if passed >= -1e9 then s, ns = tonumber(os), tonumber(ons) else write = true end
      passed = 0
    end
    spent = math.max(tonumber(old) - passed, -age)
  end
end
write = write or floor > 0 and floor > spent
spent = math.max(spent + count * cost, floor, 0)
local allowed = 0
if take and spent + cost <= capacity then
  spent = spent + cost
  allowed = 1
end
if write or allowed == 1 then
  redis.call('SET', KEYS[1], string.format('%.0f:%.0f:%.0f', spent, s, ns), 'PX', string.format('%.0f', math.ceil(spent / 1e6) + 1000))
end
return {tostring(allowed), string.format('%.0f', spent)}
`

// quotaScript does the same on a quota's key, whose value is how many requests there were.
const quotaScript = `
local capacity, count, floor = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local stored = tonumber(redis.call('GET', KEYS[1]) or '0')
local spent = math.max(stored + count, floor)
local allowed = 0
if ARGV[4] == '1' and spent < capacity then
  spent = spent + 1
  allowed = 1
end
if spent > stored then
  redis.call('SET', KEYS[1], string.format('%.0f', spent), 'PX', ARGV[5])
end
return {tostring(allowed), string.format('%.0f', spent)}
`
