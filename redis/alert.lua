-- Alerts that went up or down, all or nothing: the book of alerts, what is to be delivered, and word to who listens.
-- KEYS: lease, book, then the outboxes. ARGV: owner, version of the book this follows, its new text, most that waits in an
-- outbox, channel, then the events. Answers 1, or 0 when somebody else decides or the book is another one.
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
