-- Takes a partition: from now on only `owner` may write it. Creates it if needed.
-- KEYS: meta, emitters. ARGV: owner, a random name for the state if it is new.
-- Returns the offset to continue from, the emitters, how many parts of the message at that offset are stored, and the ids
-- of the cluster and the topic that it was folded from ('' for none).
local meta, emitters = KEYS[1], KEYS[2]
for _, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'hash' and kind ~= 'none' then return redis.error_reply('MTSCOPE ' .. key .. ' is not a hash') end
end
redis.call('HSETNX', meta, 'life', ARGV[2])
redis.call('HSETNX', meta, 'offset', '0')
redis.call('HSETNX', meta, 'version', '0')
redis.call('HSET', meta, 'owner', ARGV[1])
local stands = redis.call('HMGET', meta, 'offset', 'part', 'cluster', 'topic')
return { stands[1], redis.call('HGETALL', emitters), stands[2] or '0', stands[3] or '', stands[4] or '' }
