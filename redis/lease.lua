-- Who decides the alerts: takes or keeps the lease. KEYS: lease. ARGV: owner, ms. Answers 1 when it is ours.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
