import type { ProxyEvent } from '../../proxy/events/contract.ts'
import type { Logger } from '../../proxy/logger/logger.ts'
import type { RedisClient } from '../../proxy/redis/connect.ts'
import { replayKey } from '../../proxy/redis/keys.ts'
import { asClaimed, type Dating, dated } from '../fold/dating.ts'

/** 100 MB: whoever writes to the topic makes up as many handshakes as it likes, and a full Redis takes no events. */
export const mostRefilled = 1_000_000

/**
 * Puts handshakes of the last `windowMs` back into the shared replay cache: a Redis that lost them gets them from the
 * log. Nearly always they are there, and the value (the connection) tells a proxy its own claim. At most `mostRefilled`
 * in a window; beyond it a line says so.
 */
export const replayRefill = (
  {
    redis,
    prefix,
    windowMs,
    logger,
  }: {
    readonly redis: Pick<RedisClient, 'set'>
    readonly prefix: string
    readonly windowMs: number
    readonly logger: Logger
  },
  most = mostRefilled,
): ((events: readonly ProxyEvent[], now: number, dating?: Dating) => void) => {
  let since = Number.NEGATIVE_INFINITY
  let count = 0
  return (events, now, dating = asClaimed) => {
    if (Math.abs(now - since) >= windowMs) {
      since = now
      count = 0
    }
    for (const event of events) {
      if (event.type !== 'handshake.accepted') continue
      const left = Math.min(windowMs, Math.ceil(dated(dating, event.at) + windowMs - now))
      if (left <= 0) continue
      if (count++ === most) {
        logger('warn', 'replay-refill-full', {
          handshakes: most,
          hint: 'more handshakes than REPLAY_WINDOW should have: look who writes to the topic of the events',
        })
      }
      if (count > most) continue
      redis.set(replayKey(prefix, event.digest), event.connection, 'PX', left, 'NX').catch(() => {})
    }
  }
}
