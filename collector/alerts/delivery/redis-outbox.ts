import type { AlertEvent } from '../../../proxy/events/contract.ts'
import type { RedisClient } from '../../../proxy/redis/connect.ts'
import type { Outbox } from './outbox.ts'

/** An outbox that is a list in Redis: every collector of the fleet can deliver from it. */
export const redisOutbox = (redis: RedisClient, key: string): Outbox => ({
  first: async () => {
    const found = await redis.lindex(key, 0)
    return found === null ? null : (JSON.parse(found) as AlertEvent)
  },
  remove: async (event) => {
    await redis.lrem(key, 1, JSON.stringify(event))
  },
})
