import { nameKey, readUserName } from '../config/user-name.ts'
import type { UserLimits } from '../users/limits.ts'
import { strongSecret } from '../users/secret.ts'
import type { User } from '../users/user.ts'
import { UserError } from './errors.ts'
import type { LimitsEdit, ManagedUser, NewUser, UserEdit, Users } from './managed-user.ts'

export type Command =
  | ({ readonly type: 'add' | 'put' } & NewUser)
  | ({ readonly type: 'change'; readonly name: string } & UserEdit)
  | { readonly type: 'remove'; readonly name: string }

export type Decided = {
  /** What each command made of its user; null: removed. */
  readonly results: readonly (ManagedUser | null)[]
  /** By name key. */
  readonly changes: ReadonlyMap<string, ManagedUser | null>
}

/** Each handshake of an unknown client may try them all: see decision 0092. */
export const mostUsers = 100_000

/** The label of users beyond the limit of metrics. */
const reserved = 'other'

const nameOf = (text: string): string => {
  const name = readUserName(text)
  if (name === null)
    throw new UserError(
      'ERR_USER_NAME',
      `"${text.slice(0, 40).replace(/[^\x20-\x7e]/g, '?')}" must be 1 to 32 letters, digits, spaces or . _ @ - ', and start with a letter or digit`,
    )
  if (nameKey(name) === reserved)
    throw new UserError('ERR_USER_NAME', `metrics use "${reserved}" for all further users: choose another`)
  return name
}

/** Names of users that have the name or the secret of a user of the settings. */
export const clashes = (
  ofSettings: readonly User[],
  users: readonly User[],
): ReadonlyMap<string, 'name' | 'secret'> => {
  const names = new Set(ofSettings.map(({ name }) => nameKey(name)))
  const secrets = new Set(ofSettings.map(({ secret }) => secret.hex()))
  const clashing = new Map<string, 'name' | 'secret'>()
  for (const { name, secret } of users) {
    if (names.has(nameKey(name))) clashing.set(name, 'name')
    else if (secrets.has(secret.hex())) clashing.set(name, 'secret')
  }
  return clashing
}

type Writer = { readonly by: string; readonly now: number }

/** Without those that hold their default. */
export const ownLimits = (limits: LimitsEdit): Partial<UserLimits> =>
  Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined))

const edited = (user: ManagedUser, edit: UserEdit, { by, now }: Writer): ManagedUser => ({
  ...user,
  secret: edit.secret ?? user.secret,
  enabled: edit.enabled ?? user.enabled,
  limits: ownLimits({ ...user.limits, ...edit.limits }),
  changedAt: now,
  by,
})

const fresh = ({ name, ...edit }: NewUser, writer: Writer): ManagedUser =>
  edited(
    {
      name: nameOf(name),
      secret: edit.secret ?? strongSecret(),
      enabled: true,
      limits: {},
      addedAt: writer.now,
      changedAt: writer.now,
      by: writer.by,
    },
    edit,
    writer,
  )

/**
 * What commands make of the users, one after the other, or a UserError for the first that is wrong. Names and secrets of
 * `ofSettings` are taken.
 */
export const decide = (
  users: Users,
  ofSettings: readonly User[],
  commands: readonly Command[],
  writer: Writer,
): Decided => {
  const after = new Map(users)
  const changes = new Map<string, ManagedUser | null>()
  const settings = new Map(ofSettings.map((user) => [nameKey(user.name), user]))
  const secrets = new Map([...ofSettings, ...users.values()].map(({ name, secret }) => [secret.hex(), name]))
  const run = (command: Command): ManagedUser | null => {
    const key = nameKey(command.name)
    const before = after.get(key)
    if (settings.has(key))
      throw new UserError(
        'ERR_USER_OF_SETTINGS',
        `change USER<n>_* of ${command.name} in .env, and send SIGHUP`,
      )
    if (before === undefined && (command.type === 'change' || command.type === 'remove'))
      throw new UserError('ERR_USER_UNKNOWN', `"${command.name.slice(0, 40)}": mtscope users list shows them`)
    if (before !== undefined && command.type === 'add')
      throw new UserError('ERR_USER_EXISTS', `${before.name}: choose another, or rotate or change that user`)
    if (command.type === 'remove') return null
    const user = before === undefined ? fresh(command, writer) : edited(before, command, writer)
    const owner = secrets.get(user.secret.hex())
    if (owner !== undefined && nameKey(owner) !== key)
      throw new UserError('ERR_USER_SECRET_TAKEN', `${owner} has it: each user needs a secret of its own`)
    if (before !== undefined) secrets.delete(before.secret.hex())
    secrets.set(user.secret.hex(), user.name)
    return user
  }
  const results = commands.map((command) => {
    const key = nameKey(command.name)
    const user = run(command)
    if (user === null) {
      secrets.delete(after.get(key)!.secret.hex())
      after.delete(key)
    } else after.set(key, user)
    if (after.size > mostUsers)
      throw new UserError('ERR_USERS_FULL', `it holds ${mostUsers} users: remove some`)
    changes.set(key, user)
    return user
  })
  return { results, changes }
}
