-- Keeps which topic of which cluster a partition is folded from, and where in it that goes on when it is another log: what
-- was counted stays, and emitters are known by their seq.
-- KEYS: meta. ARGV: owner, cluster id, topic id, offset to go on from ('' when it is the same log).
-- Answers 1, or 0 when another collector owns the partition.
local meta = KEYS[1]
if redis.call('HGET', meta, 'owner') ~= ARGV[1] then return 0 end
redis.call('HSET', meta, 'cluster', ARGV[2], 'topic', ARGV[3])
if ARGV[4] == '' then return 1 end
redis.call('HINCRBY', meta, 'origin', 1)
redis.call('HSET', meta, 'offset', ARGV[4], 'part', '0')
return 1
