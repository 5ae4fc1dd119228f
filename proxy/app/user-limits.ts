import type { Config } from '../config/config.ts'
import type { Logger } from '../logger/logger.ts'
import type { RelayUser } from '../relay/settings.ts'
import { countsMemory } from '../user-limits/counts.ts'
import { limitedUsers, type QuotaChange } from '../user-limits/limited-users.ts'
import type { Totals } from '../user-limits/usage.ts'
import type { User } from '../users/user.ts'

/** How much a user has used by now, by the state that outlasts this process; null: not known now. */
export type UserTotals = (user: string) => Totals | null

export type UserLimitsInForce = {
  readonly memory: ReturnType<typeof countsMemory>
  /** The users for the relay threads. From this call on, their limits are in force. */
  forRelay(users: readonly User[]): RelayUser[]
  /** Looks every second, until `signal`, whether a quota is used up or a user has expired. */
  watch(totals: UserTotals | null, signal: AbortSignal): void
}

const LOOK_MS = 1_000

/** The limits of users, as the main thread decides them. */
export const openUserLimits = (
  { config, logger }: { readonly config: Config; readonly logger: Logger },
  quotaChanged: (change: QuotaChange) => void,
): UserLimitsInForce => {
  const memory = countsMemory(config.workers)
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
    watch: (totals, signal) => {
      const looking = setInterval(() => {
        if (limited.size === 0) return
        if (totals !== null) learn(totals)
        limited.look()
      }, LOOK_MS).unref()
      signal.addEventListener('abort', () => clearInterval(looking))
    },
  }
}
