-- Takes a partition: from now on only `owner` may write it. Creates it when it is not there.
-- KEYS: meta, emitters. ARGV: owner, a new random name for this state should it be new.
-- Answers the offset to go on from, the emitters, how many parts of the message at that offset are in, and the ids of the
-- cluster and the topic that it was folded from ('' where none are kept).
local meta, emitters = KEYS[1], KEYS[2]
for _, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'hash' and kind ~= 'none' then return redis.error_reply('MTSCOPE ' .. key .. ' is no hash') end
end
redis.call('HSETNX', meta, 'life', ARGV[2])
redis.call('HSETNX', meta, 'offset', '0')
redis.call('HSETNX', meta, 'version', '0')
redis.call('HSET', meta, 'owner', ARGV[1])
local stands = redis.call('HMGET', meta, 'offset', 'part', 'cluster', 'topic')
return { stands[1], redis.call('HGETALL', emitters), stands[2] or '0', stands[3] or '', stands[4] or '' }
