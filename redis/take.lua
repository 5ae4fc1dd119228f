-- Takes a partition: from now on only `owner` may write it. Creates it when it is not there.
-- KEYS: meta, emitters. ARGV: owner, a new random name for this state should it be new.
-- Answers the offset to go on from, the emitters, and how many parts of the message at that offset are in.
local meta, emitters = KEYS[1], KEYS[2]
for _, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'hash' and kind ~= 'none' then return redis.error_reply('MTSCOPE ' .. key .. ' is no hash') end
end
redis.call('HSETNX', meta, 'life', ARGV[2])
redis.call('HSETNX', meta, 'offset', '0')
redis.call('HSETNX', meta, 'version', '0')
redis.call('HSET', meta, 'owner', ARGV[1])
return { redis.call('HGET', meta, 'offset'), redis.call('HGETALL', emitters), redis.call('HGET', meta, 'part') or '0' }
