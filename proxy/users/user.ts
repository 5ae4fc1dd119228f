import type { UserLimits } from './limits.ts'
import type { Secret } from './secret.ts'

export type User = {
  readonly name: string
  readonly secret: Secret
  /** False: refused until enabled again. */
  readonly enabled: boolean
  /** Only those that are this user's own; `effectiveLimits` adds the defaults. An own null is "no limit". */
  readonly limits: Partial<UserLimits>
}
