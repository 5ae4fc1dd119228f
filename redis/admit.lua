-- Gives a connection of a user with limits its place among all proxies. KEYS: connections, addresses.
-- ARGV: node, ms of a lease, most connections ('' for none), most addresses ('' for none), address, ms of the window.
-- connections: node → its number of connections, a bar, and when its lease ends. addresses: address by the time it was last seen.
-- Returns 'granted', 'user-connections' or 'user-addresses'; nothing is written when it refuses.
local connections, addresses = KEYS[1], KEYS[2]
local node, leaseMs, most, mostAddresses, address, windowMs = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if mostAddresses ~= '' then
  redis.call('ZREMRANGEBYSCORE', addresses, '-inf', now - windowMs)
  local known = redis.call('ZSCORE', addresses, address)
  if not known and redis.call('ZCARD', addresses) >= tonumber(mostAddresses) then return 'user-addresses' end
end
if most ~= '' then
  local sum, own = 0, 0
  local all = redis.call('HGETALL', connections)
  for i = 1, #all, 2 do
    local count, ends = string.match(all[i + 1], '^(%d+)|(%d+)$')
    if not count or tonumber(ends) < now then
      redis.call('HDEL', connections, all[i])
    else
      sum = sum + tonumber(count)
      if all[i] == node then own = tonumber(count) end
    end
  end
  if sum >= tonumber(most) then return 'user-connections' end
  redis.call('HSET', connections, node, string.format('%d|%d', own + 1, now + leaseMs))
  redis.call('PEXPIRE', connections, 2 * leaseMs)
end
if mostAddresses ~= '' then
  redis.call('ZADD', addresses, now, address)
  redis.call('PEXPIRE', addresses, windowMs)
end
return 'granted'
