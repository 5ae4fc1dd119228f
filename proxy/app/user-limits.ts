import type { Config } from '../config/config.ts'
import type { Logger } from '../logger/logger.ts'
import type { RelayUser } from '../relay/settings.ts'
import { countsMemory, type UserCounts, userCounts } from '../user-limits/counts.ts'
import type { UserLeases } from '../user-limits/leases.ts'
import type { LimitedUser } from '../user-limits/limited-user.ts'
import { limitedUsers, type QuotaChange } from '../user-limits/limited-users.ts'
import type { Totals } from '../user-limits/usage.ts'
import type { User } from '../users/user.ts'

/** How much a user has used by now, by the state that outlasts this process; null: not known now. */
export type UserTotals = (user: string) => Totals | null

export type UserLimitsInForce = {
  readonly memory: ReturnType<typeof countsMemory>
  /** The users for the relay threads. From this call on, their limits are in force. */
  forRelay(users: readonly User[]): RelayUser[]
  readonly counts: UserCounts
  of(user: string): LimitedUser | undefined
  /**
   * Looks every second, until `signal`, whether a quota is used up or a user has expired. Totals come from the collector of this
   * process, else from those of the fleet.
   */
  watch(totals: UserTotals | null, fleet: Fleet | null, signal: AbortSignal): void
}

/** What all proxies share. */
type Fleet = {
  readonly leases: Pick<UserLeases, 'keep'>
  totals(users: readonly string[], now: number): Promise<ReadonlyMap<string, Totals>>
}

const LOOK_MS = 1_000
/** Between two looks at the totals of the fleet. */
const FLEET_MS = 2_000

/** The limits of users, as the main thread decides them. */
export const openUserLimits = (
  { config, logger }: { readonly config: Config; readonly logger: Logger },
  quotaChanged: (change: QuotaChange) => void,
): UserLimitsInForce => {
  const memory = countsMemory(config.workers)
  const counts = userCounts(memory, config.workers)
  const limited = limitedUsers({
    memory,
    workers: config.workers,
    now: Date.now,
    full: (user) =>
      logger('error', 'user-limits-full', {
        user,
        hint: 'limits of this user are not in force: lower MAX_IPS of users, or remove limits of some',
      }),
    quotaChanged,
  })
  const learn = (totals: UserTotals): void => {
    for (const user of limited.active()) {
      const bytes = limited.bytesOf(user)
      const known = totals(user)
      if (known !== null) limited.learn(user, known, bytes)
    }
  }
  return {
    memory,
    forRelay: (users) => {
      limited.take(users, config.userDefaults)
      return users.map(({ name, secret, limits: { adTag } }) => ({
        name,
        secret: secret.bytes(),
        limited: limited.of(name),
        adTag,
      }))
    },
    counts,
    of: limited.of,
    watch: (totals, fleet, signal) => {
      let asked = false
      let askedAt = Number.NEGATIVE_INFINITY
      const learnOfFleet = async ({ totals: read }: Fleet): Promise<void> => {
        const now = performance.now()
        const users = limited.active()
        if (asked || users.length === 0 || now - askedAt < FLEET_MS) return
        asked = true
        askedAt = now
        const bytes = new Map(users.map((user) => [user, limited.bytesOf(user)]))
        // Redis is away: its connection has logged it, and the node counts on alone.
        const known = await read(users, Date.now()).catch(() => new Map<string, Totals>())
        asked = false
        for (const [user, of] of known) limited.learn(user, of, bytes.get(user) ?? 0)
      }
      const looking = setInterval(() => {
        if (limited.size === 0) return
        if (totals !== null) learn(totals)
        else if (fleet !== null) void learnOfFleet(fleet)
        limited.look()
        void fleet?.leases.keep(performance.now())
      }, LOOK_MS).unref()
      signal.addEventListener('abort', () => clearInterval(looking))
    },
  }
}
