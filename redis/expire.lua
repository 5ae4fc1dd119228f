-- Forgets what nobody has said anything of for long. Redis itself forgets the buckets.
-- KEYS: meta, dirty, emitters, recent, lasting. ARGV: owner, oldest time of emitters and of recent, oldest of lasting,
-- then names of buckets that are gone. Answers 1, or 0 when somebody else owns the partition.
local meta, dirty, emitters, recent, lasting = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
if redis.call('HGET', meta, 'owner') ~= ARGV[1] then return 0 end
local changed = {}
local function forget(key, name, oldest, timeOf)
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    if tonumber(string.match(all[i + 1], timeOf)) < tonumber(oldest) then
      redis.call('HDEL', key, all[i])
      changed[name] = true
    end
  end
end
forget(emitters, 'emitters', ARGV[2], '|(.*)$')
forget(recent, 'recent', ARGV[2], '^([^|]*)|')
forget(lasting, 'lasting', ARGV[3], '^([^|]*)|')
for i = 4, #ARGV do redis.call('ZREM', dirty, ARGV[i]) end
if next(changed) then
  local version = redis.call('HINCRBY', meta, 'version', 1)
  for name in pairs(changed) do redis.call('ZADD', dirty, version, name) end
end
return 1
