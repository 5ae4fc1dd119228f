import { type RedisClient, script } from '../redis/connect.ts'
import { userKey } from '../redis/keys.ts'
import type { UserCounts } from './counts.ts'
import type { Lease, LeaseAnswer } from './lease.ts'
import type { LimitedUser } from './limited-user.ts'

/** A node that does not keep its leases for so long is dead: its connections count no more. */
const LEASE_MS = 30_000
const KEEP_MS = 10_000

type Held = {
  /** Connections that Redis counts for this node, as far as it is known here. */
  leased: number
  inFlight: number
  keptAt: number
}

export type UserLeases = {
  /** Rejects with errors of Redis. */
  claim(lease: Lease): Promise<LeaseAnswer>
  /** Gives back what has ended, and keeps the rest. Call it once a second. */
  keep(now: number): Promise<void>
  /** Gives everything back. */
  end(): Promise<void>
}

const scripts = { admit: script('admit'), keep: script('keep') }

/**
 * Counts the connections and addresses of users with limits over all proxies, in Redis. The node's own counts, in shared memory,
 * decide first; a lease is asked for after them, so that what has ended here is the difference between the two.
 */
export const userLeases = (options: {
  readonly redis: RedisClient
  readonly prefix: string
  /** Names this process among all proxies. */
  readonly node: string
  readonly windowMs: number
  readonly counts: Pick<UserCounts, 'connections' | 'addresses'>
  readonly limited: (user: string) => LimitedUser | undefined
}): UserLeases => {
  const { redis, prefix, node, windowMs, counts, limited } = options
  const users = new Map<string, Held>()
  const keysOf = (user: string): string[] => [
    userKey(prefix, user, 'connections'),
    userKey(prefix, user, 'addresses'),
  ]

  const claim = async ({ user, address }: Lease): Promise<LeaseAnswer> => {
    const limits = limited(user)
    if (limits === undefined) return 'granted'
    const held = users.get(user) ?? { leased: 0, inFlight: 0, keptAt: Number.NEGATIVE_INFINITY }
    users.set(user, held)
    held.inFlight++
    try {
      const addresses = address === null ? '' : (limits.addresses?.length ?? '')
      const args = [node, LEASE_MS, limits.maxConnections ?? '', addresses, address ?? '', windowMs]
      const answer = (await scripts.admit(redis, keysOf(user), args)) as LeaseAnswer
      if (answer === 'granted') held.leased++
      return answer
    } finally {
      held.inFlight--
    }
  }

  const keepOne = async (user: string, held: Held, now: number): Promise<void> => {
    const limits = limited(user)
    const open = limits === undefined ? 0 : counts.connections(limits.slot)
    const less = Math.max(0, held.leased + held.inFlight - open)
    if (less === 0 && now - held.keptAt < KEEP_MS) return
    // While a claim is on its way, Redis may have counted it or not.
    const certain = held.inFlight === 0
    const since = Math.floor(Date.now() / 1_000) - (2 * KEEP_MS) / 1_000
    const region = limits?.addresses ?? null
    const addresses = region === null ? [] : counts.addresses.list(region, since).map(([hash]) => hash)
    held.keptAt = now
    held.leased = certain ? open : held.leased - less
    await scripts.keep(redis, keysOf(user), [
      node,
      LEASE_MS,
      certain ? open : '',
      less,
      windowMs,
      ...addresses,
    ])
    if (certain && open === 0 && held.inFlight === 0) users.delete(user)
  }

  const keep = async (now: number): Promise<void> => {
    if (redis.status !== 'ready') return
    const kept = await Promise.allSettled([...users].map(([user, held]) => keepOne(user, held, now)))
    // What Redis did not take is due again.
    for (const [i, held] of [...users.values()].entries())
      if (kept[i]?.status === 'rejected') held.keptAt = Number.NEGATIVE_INFINITY
  }

  return {
    claim,
    keep,
    end: async () => {
      if (redis.status !== 'ready') return
      const args = [node, LEASE_MS, 0, 0, windowMs]
      await Promise.allSettled([...users.keys()].map((user) => scripts.keep(redis, keysOf(user), args)))
      users.clear()
    },
  }
}
