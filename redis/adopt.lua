-- Stores the ids of the cluster and topic that a partition is folded from, and the offset to continue from when they changed.
-- Counts stay; events that come again are recognised by their seq.
-- KEYS: meta. ARGV: owner, cluster id, topic id, offset to continue from ('' when the ids are the same).
-- Answers 1, or 0 when another collector owns the partition.
local meta = KEYS[1]
if redis.call('HGET', meta, 'owner') ~= ARGV[1] then return 0 end
redis.call('HSET', meta, 'cluster', ARGV[2], 'topic', ARGV[3])
if ARGV[4] == '' then return 1 end
redis.call('HINCRBY', meta, 'origin', 1)
redis.call('HSET', meta, 'offset', ARGV[4], 'part', '0')
return 1
