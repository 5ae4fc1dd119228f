-- Deletes fields without recent events, and corrects times from a clock that was ahead. Redis itself expires the buckets.
-- KEYS: meta, dirty, emitters, recent, lasting, then buckets that lie ahead. ARGV: owner, oldest time of emitters and of recent,
-- oldest of lasting, latest plausible time, the present, which replaces a later time, then names of deleted buckets.
-- Returns 1, or 0 when another collector owns the partition.
local meta, dirty, emitters, recent, lasting = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
if redis.call('HGET', meta, 'owner') ~= ARGV[1] then return 0 end
local latest = tonumber(ARGV[4])
local changed = {}
-- A value has two parts with a bar in between; `first`: its time is the first part.
local function forget(key, name, oldest, first)
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local left, right = string.match(all[i + 1], '^([^|]*)|(.*)$')
    local at = tonumber(first and left or right)
    if at < tonumber(oldest) then
      redis.call('HDEL', key, all[i])
      changed[name] = true
    elseif at > latest then
      redis.call('HSET', key, all[i], first and (ARGV[5] .. '|' .. right) or (left .. '|' .. ARGV[5]))
      changed[name] = true
    end
  end
end
forget(emitters, 'emitters', ARGV[2], false)
forget(recent, 'recent', ARGV[2], true)
forget(lasting, 'lasting', ARGV[3], true)
-- An earlier start than 2024 comes from a clock that was never set.
local since = redis.call('HGET', meta, 'since')
if since and tonumber(since) < 1704067200000 then redis.call('HDEL', meta, 'since') end
for i = 6, #KEYS do redis.call('UNLINK', KEYS[i]) end
for i = 6, #ARGV do redis.call('ZREM', dirty, ARGV[i]) end
if next(changed) then
  local version = redis.call('HINCRBY', meta, 'version', 1)
  for name in pairs(changed) do redis.call('ZADD', dirty, version, name) end
end
return 1
