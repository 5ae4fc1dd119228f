import type { ProxyEvent } from '../../proxy/events/contract.ts'
import type { RedisClient } from '../../proxy/redis/connect.ts'
import { replayKey } from '../../proxy/redis/keys.ts'

/**
 * Puts handshakes of the last `windowMs` back into the shared replay cache: a Redis that lost them gets them from the
 * log. Nearly always they are there, and the value (the connection) tells a proxy its own claim.
 */
export const refillReplays = (
  redis: RedisClient,
  prefix: string,
  events: readonly ProxyEvent[],
  now: number,
  windowMs: number,
): void => {
  for (const event of events) {
    if (event.type !== 'handshake.accepted') continue
    const left = Math.ceil(event.at + windowMs - now)
    if (left <= 0 || left > windowMs + 60_000) continue
    redis.set(replayKey(prefix, event.digest), event.connection, 'PX', left, 'NX').catch(() => {})
  }
}
