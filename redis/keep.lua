-- Keeps the places of a node's connections of one user, or gives some back. KEYS: connections, addresses.
-- ARGV: node, ms of a lease, number of its connections ('' when it is not certain: then `less` are given back), less, ms of the window, then
-- the addresses of its open connections. Returns 1.
local connections, addresses = KEYS[1], KEYS[2]
local node, leaseMs, count, less, windowMs = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if count == '' then
  local known = string.match(redis.call('HGET', connections, node) or '', '^(%d+)|')
  count = math.max(0, tonumber(known or 0) - less)
end
if tonumber(count) == 0 then
  redis.call('HDEL', connections, node)
else
  redis.call('HSET', connections, node, string.format('%d|%d', tonumber(count), now + leaseMs))
  redis.call('PEXPIRE', connections, 2 * leaseMs)
end
for i = 6, #ARGV do redis.call('ZADD', addresses, now, ARGV[i]) end
if #ARGV > 5 then redis.call('PEXPIRE', addresses, windowMs) end
return 1
