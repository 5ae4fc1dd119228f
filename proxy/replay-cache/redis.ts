import type { RedisClient } from '../redis/connect.ts'
import { replayKey } from '../redis/keys.ts'
import { refusalIn } from '../redis/refusal.ts'

/** `new`: no proxy has seen this handshake, and this connection owns it. `unanswered`: no reply of Redis in time, or a refusal. */
export type ClaimAnswer = 'new' | 'seen' | 'unanswered'

export type SharedClaims = {
  /** `digest` in hex. Settles within `timeoutMs`; never rejects. */
  claim(digest: string, connection: string): Promise<ClaimAnswer>
  /** Answers since the start. */
  readonly counts: Readonly<Record<ClaimAnswer | 'refused', number>>
}

/**
 * The replay cache of all proxies: a handshake belongs to the first connection that claims it, for `windowMs`. While Redis is
 * away the answer is `unanswered` immediately.
 */
export const sharedClaims = (options: {
  readonly redis: Pick<RedisClient, 'status' | 'set'>
  readonly prefix: string
  readonly windowMs: number
  readonly timeoutMs?: number
}): SharedClaims => {
  const { redis, prefix, windowMs, timeoutMs = 50 } = options
  const counts = { new: 0, seen: 0, unanswered: 0, refused: 0 }

  const ask = async (digest: string, connection: string): Promise<ClaimAnswer | 'refused'> => {
    if (redis.status !== 'ready') return 'unanswered'
    const late = Promise.withResolvers<ClaimAnswer>()
    // Node reads all sockets between a timer and an immediate: an answer that is in the kernel already is not late.
    const timer = setTimeout(() => setImmediate(late.resolve, 'unanswered'), timeoutMs)
    const set = redis.set(replayKey(prefix, digest), connection, 'PX', windowMs, 'NX').then(
      (answer): ClaimAnswer => (answer === 'OK' ? 'new' : 'seen'),
      (error: unknown) => (refusalIn(error) === null ? ('unanswered' as const) : ('refused' as const)),
    )
    return Promise.race([set, late.promise]).finally(() => clearTimeout(timer))
  }

  return {
    counts,
    claim: async (digest, connection) => {
      const answer = await ask(digest, connection)
      counts[answer]++
      return answer === 'refused' ? 'unanswered' : answer
    },
  }
}
