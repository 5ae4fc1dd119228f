import type { ProxyEvent } from '../../proxy/events/contract.ts'
import type { Logger } from '../../proxy/logger/logger.ts'
import type { RedisClient } from '../../proxy/redis/connect.ts'
import { replayKey } from '../../proxy/redis/keys.ts'
import { asClaimed, type Dating, dated } from '../fold/dating.ts'

/** 210 MB. A client that may write to the topic can make up handshakes, and a full Redis accepts no events. */
export const mostRefilled = 1_000_000

export type Refill = (events: readonly ProxyEvent[], now: number, dating?: Dating) => void

/**
 * Puts handshakes of the last `windowMs` back into the shared replay cache, in case Redis has lost them; mostly they are
 * there. The value is the connection, by which a proxy recognises its own claim. Logs and stops beyond `most` in a window.
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
): Refill => {
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
          hint: 'more handshakes than are plausible in REPLAY_WINDOW: check which clients write to the event topic',
        })
      }
      if (count > most) continue
      redis.set(replayKey(prefix, event.digest), event.connection, 'PX', left, 'NX').catch(() => {})
    }
  }
}
