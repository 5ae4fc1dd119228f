import { randomUUID } from 'node:crypto'
import type { Config, RedisConfig } from '../config/config.ts'
import type { Logger } from '../logger/logger.ts'
import { connectRedis, refusalCountsOf } from '../redis/connect.ts'
import type { RefusalCounts } from '../redis/refusal.ts'
import type { UserCounts } from '../user-limits/counts.ts'
import { fleetTotals } from '../user-limits/fleet-totals.ts'
import { type UserLeases, userLeases } from '../user-limits/leases.ts'
import type { LimitedUser } from '../user-limits/limited-user.ts'
import { type SharedClaims, sharedClaims } from './redis.ts'

export type FleetClaims = SharedClaims & {
  readonly refusals: Readonly<RefusalCounts>
  readonly leases: UserLeases
  readonly totals: ReturnType<typeof fleetTotals>
  close(): Promise<void>
}

/** Users with limits on this node. */
type Limited = {
  readonly counts: Pick<UserCounts, 'connections' | 'addresses'>
  of(user: string): LimitedUser | undefined
}

/** Connects to what all proxies of the fleet share: replay cache, places and totals of users. */
export const connectClaims = (
  redis: RedisConfig,
  config: Pick<Config, 'node' | 'replayWindowMs' | 'addressWindowMs'>,
  logger: Logger,
  limited: Limited,
): FleetClaims => {
  const { node, replayWindowMs, addressWindowMs } = config
  const { prefix } = redis
  // Notices a silent Redis soon: an answer after a second is of no use.
  const client = connectRedis(redis, `mtscope-${node}`, logger, { timeoutMs: 1_000 })
  const leases = userLeases({
    ...{ redis: client, prefix, counts: limited.counts, limited: limited.of },
    node: `${node}/${randomUUID()}`,
    windowMs: addressWindowMs,
  })
  const claims = sharedClaims({ redis: client, prefix, windowMs: replayWindowMs, leaseOf: leases.claim })
  return {
    ...claims,
    leases,
    totals: fleetTotals(client, prefix),
    refusals: refusalCountsOf(client),
    close: async () => {
      await leases.end()
      client.disconnect()
    },
  }
}
