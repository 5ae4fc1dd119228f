import type { RedisClient } from '../redis/connect.ts'
import { replayKey } from '../redis/keys.ts'
import { refusalIn } from '../redis/refusal.ts'
import type { Lease, LeaseAnswer } from '../user-limits/lease.ts'

/**
 * `new`: no proxy has seen this handshake, and this connection owns it. `unanswered`: no reply of Redis in time, or a refusal. A new
 * handshake may be refused because of a limit of its user.
 */
export type ClaimAnswer = 'new' | 'seen' | 'unanswered' | Exclude<LeaseAnswer, 'granted'>

type Outcome = 'new' | 'seen' | 'unanswered' | 'refused'

export type SharedClaims = {
  /** `digest` in hex. Settles within `timeoutMs`; never rejects. */
  claim(digest: string, connection: string, lease?: Lease | null): Promise<ClaimAnswer>
  /** Answers since the start. */
  readonly counts: Readonly<Record<Outcome, number>>
  /** The same for places of users with limits. */
  readonly leaseCounts: Readonly<Record<LeaseAnswer | 'unanswered', number>>
}

/**
 * The replay cache of all proxies: a handshake belongs to the first connection that claims it, for `windowMs`. `leaseOf` asks in the same
 * round trip for a place of its user. While Redis is away the answer is `unanswered` immediately.
 */
export const sharedClaims = (options: {
  readonly redis: Pick<RedisClient, 'status' | 'set'>
  readonly prefix: string
  readonly windowMs: number
  readonly timeoutMs?: number
  readonly leaseOf?: (lease: Lease) => Promise<LeaseAnswer>
}): SharedClaims => {
  const { redis, prefix, windowMs, timeoutMs = 50, leaseOf } = options
  const counts = { new: 0, seen: 0, unanswered: 0, refused: 0 }
  const leaseCounts = { granted: 0, 'user-connections': 0, 'user-addresses': 0, unanswered: 0 }

  /** The answer, or `unanswered` after the time-out. */
  const inTime = <T>(answer: Promise<T>): Promise<T | 'unanswered'> => {
    const late = Promise.withResolvers<'unanswered'>()
    // Node reads all sockets between a timer and an immediate: an answer that is in the kernel already is not late.
    const timer = setTimeout(() => setImmediate(late.resolve, 'unanswered' as const), timeoutMs)
    return Promise.race([answer, late.promise]).finally(() => clearTimeout(timer))
  }
  const ask = async (digest: string, connection: string): Promise<Outcome> => {
    if (redis.status !== 'ready') return 'unanswered'
    return inTime(
      redis.set(replayKey(prefix, digest), connection, 'PX', windowMs, 'NX').then(
        (answer): Outcome => (answer === 'OK' ? 'new' : 'seen'),
        (error: unknown) => (refusalIn(error) === null ? ('unanswered' as const) : ('refused' as const)),
      ),
    )
  }
  const askLease = async (lease: Lease): Promise<LeaseAnswer | 'unanswered'> => {
    if (leaseOf === undefined) return 'unanswered'
    // It notes the connection also while Redis is away, and is rejected immediately then.
    return inTime(leaseOf(lease).catch(() => 'unanswered' as const))
  }

  return {
    counts,
    leaseCounts,
    claim: async (digest, connection, lease = null) => {
      const [answer, place] = await Promise.all([
        ask(digest, connection),
        lease === null ? ('granted' as const) : askLease(lease),
      ])
      counts[answer]++
      if (lease !== null) leaseCounts[place]++
      if (answer === 'new' && place !== 'granted' && place !== 'unanswered') return place
      return answer === 'refused' ? 'unanswered' : answer
    },
  }
}
