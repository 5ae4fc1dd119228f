-- Writes raised and cleared alerts, all or nothing: the book of alerts and the outboxes. Publishes them to a channel.
-- KEYS: lease, book, then the outboxes. ARGV: owner, version of the book that this follows, its new text, bound of an outbox,
-- channel, then the events. Returns 1, or 0 when another collector has the lease or has written the book.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if (redis.call('HGET', KEYS[2], 'version') or '0') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], 'text', ARGV[3])
redis.call('HINCRBY', KEYS[2], 'version', 1)
for i = 6, #ARGV do
  for box = 3, #KEYS do redis.call('RPUSH', KEYS[box], ARGV[i]) end
  redis.call('PUBLISH', ARGV[5], ARGV[i])
end
for box = 3, #KEYS do redis.call('LTRIM', KEYS[box], -tonumber(ARGV[4]), -1) end
return 1
