-- Adds the counts of a batch of events and moves the partition on, all or nothing.
-- KEYS: meta, dirty, emitters, recent, lasting, then the buckets, then those of the deleted emitters.
-- ARGV: owner, offset before, offset after, end of the log, time of the latest event, earliest event ('' for none),
--   most fields of recent and lasting, part before, part after; number of deleted emitters, then name, name of the
--   bucket of each; number of deleted fields of recent, then each; number of emitters, then name, position of each;
--   twice (recent, lasting): number, then field, time, value of each;
--   for each bucket: name, time of its end (0 for none), most fields, number of fields, then field, amount of each.
-- A message that is too long for one call comes in parts: the offset stays, the part grows, and the last part moves the
-- offset. Returns 1 when it is done (or was done before and its answer lost), 0 when another collector owns the partition or
-- the batch does not follow the state. Scripts cannot roll back: this one checks everything before the first write.
local meta, dirty, emitters, recent, lasting = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local owner, from, to, fromPart, toPart = ARGV[1], ARGV[2], ARGV[3], ARGV[8], ARGV[9]
local most = tonumber(ARGV[7])

local stands = redis.call('HMGET', meta, 'owner', 'offset', 'since', 'part')
local part = stands[4] or '0'
if stands[1] ~= owner then return 0 end
if stands[2] == to and part == toPart and (from ~= to or fromPart ~= toPart) then return 1 end
if stands[2] ~= from or part ~= fromPart then return 0 end
for i, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'none' and kind ~= (i == 2 and 'zset' or 'hash') then
    return redis.error_reply('MTSCOPE ' .. key .. ' has another type')
  end
end

local version = redis.call('HINCRBY', meta, 'version', 1)
local refused = 0
local at = 10
local function take()
  at = at + 1
  return ARGV[at - 1]
end

local gone = tonumber(take())
for i = 1, gone do
  redis.call('HDEL', emitters, take())
  redis.call('DEL', KEYS[#KEYS - gone + i])
  redis.call('ZREM', dirty, take())
end
if gone > 0 then redis.call('ZADD', dirty, version, 'emitters') end
local removed = tonumber(take())
for _ = 1, removed do redis.call('HDEL', recent, take()) end
if removed > 0 then redis.call('ZADD', dirty, version, 'recent') end

local standing = tonumber(take())
for _ = 1, standing do redis.call('HSET', emitters, take(), take()) end
if standing > 0 then redis.call('ZADD', dirty, version, 'emitters') end

-- By bytes, in any locale of the server.
local function greater(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x > y end
  end
  return #a > #b
end

local function learn(key, name)
  local samples = tonumber(take())
  if samples == 0 then return end
  redis.call('ZADD', dirty, version, name)
  local size = redis.call('HLEN', key)
  for _ = 1, samples do
    local field, time, value = take(), take(), take()
    local known = redis.call('HGET', key, field)
    if not known then
      if size >= most then
        refused = refused + 1
      else
        size = size + 1
        redis.call('HSET', key, field, time .. '|' .. value)
      end
    else
      local bar = string.find(known, '|', 1, true)
      local before, now = tonumber(string.sub(known, 1, bar - 1)), tonumber(time)
      if now > before or (now == before and greater(value, string.sub(known, bar + 1))) then
        redis.call('HSET', key, field, time .. '|' .. value)
      end
    end
  end
end
learn(recent, 'recent')
learn(lasting, 'lasting')

local function count(key, most, fields)
  local size = redis.call('HLEN', key)
  for _ = 1, fields do
    local field, amount = take(), take()
    if size >= most and redis.call('HEXISTS', key, field) == 0 then
      refused = refused + 1
    else
      -- Refuses a sum beyond 64 bits like a field beyond the bound: an error would leave the rest unwritten.
      local now = redis.pcall('HINCRBY', key, field, amount)
      if type(now) == 'table' then
        refused = refused + 1
      elseif now == 0 then
        redis.call('HDEL', key, field)
        size = size - 1
      elseif now == tonumber(amount) then
        size = size + 1
      end
    end
  end
end

local present = redis.call('TIME')[1] * 1000
for i = 6, #KEYS - gone do
  local key, name, ends, most, fields = KEYS[i], take(), take(), tonumber(take()), tonumber(take())
  if ends ~= '0' and tonumber(ends) <= present then
    -- Expired already: an event may have any time, and names of expired buckets would fill `dirty`.
    at = at + 2 * fields
    redis.call('UNLINK', key)
    redis.call('ZREM', dirty, name)
  else
    count(key, most, fields)
    if ends ~= '0' then redis.call('PEXPIREAT', key, ends) end
    redis.call('ZADD', dirty, version, name)
  end
end

local since = ARGV[6]
if since ~= '' and (not stands[3] or tonumber(since) < tonumber(stands[3])) then redis.call('HSET', meta, 'since', since) end
if refused > 0 then redis.call('HINCRBY', meta, 'refused', refused) end
redis.call('HSET', meta, 'offset', to, 'part', toPart, 'end', ARGV[4], 'foldedAt', ARGV[5])
return 1
