import { nameKey } from '../config/user-name.ts'
import type { ManagedUser } from '../user-store/managed-user.ts'
import { limitsJson } from '../user-store/record.ts'
import type { UserStore } from '../user-store/store.ts'
import { effectiveLimits, type UserLimits } from '../users/limits.ts'
import type { Link } from '../users/links.ts'
import type { User } from '../users/user.ts'
import type { Parameter } from './endpoint.ts'
import { everyLimit, ownLimits } from './limit-fields.ts'
import { type Problem, problem } from './problem.ts'
import { object, oneOf, orNull, text, yesOrNo } from './schema.ts'

/** A user with its source: `USER<n>_*`, which only a reload changes, or the user store. */
export type ListedUser =
  | (User & { readonly source: 'setting' })
  | (ManagedUser & { readonly source: 'store' })

/** The users of a node or fleet. */
export type UsersPort = {
  readonly all: () => readonly ListedUser[]
  readonly store: Pick<UserStore, 'add' | 'change' | 'rotate' | 'remove'>
  readonly defaults: () => UserLimits
  /** Null: the address for links is not known. */
  readonly linksOf: (user: User) => Promise<readonly Link[] | null>
}

export const userSchema = object({
  name: text('Name'),
  source: oneOf('setting: USER<n>_*, which only a reload changes; store: managed at run time', [
    'setting',
    'store',
  ]),
  enabled: yesOrNo('Whether its clients are accepted'),
  limits: ownLimits,
  effective: everyLimit,
  addedAt: orNull(text('When it was added; null for users of settings', { format: 'date-time' })),
  changedAt: orNull(text('When it was changed last', { format: 'date-time' })),
  by: orNull(text('The writer of the last change: cli, or the name of an API token')),
})

export const described = (one: ListedUser, defaults: UserLimits) => ({
  name: one.name,
  source: one.source,
  enabled: one.enabled,
  limits: limitsJson(one.limits),
  effective: limitsJson(effectiveLimits(one.limits, defaults)),
  addedAt: one.source === 'store' ? new Date(one.addedAt).toISOString() : null,
  changedAt: one.source === 'store' ? new Date(one.changedAt).toISOString() : null,
  by: one.source === 'store' ? one.by : null,
})

export const userParameter: Record<'user', Parameter> = {
  user: { schema: { type: 'string' }, doc: 'Name of the user; case and width make no difference' },
}

export const missing = (wanted: string): Problem =>
  problem('not-found', `user=${wanted.slice(0, 60)} does not exist: take a name of GET /api/v1/users`)

/** The user with this name; case and width make no difference. */
export const userOf = (all: readonly ListedUser[], wanted: string): ListedUser | null => {
  const key = nameKey(wanted)
  return all.find((one) => nameKey(one.name) === key) ?? null
}

export const found = ({ all }: UsersPort, wanted: string): ListedUser | null => userOf(all(), wanted)
