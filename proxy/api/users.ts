import { mistaken, parsed } from '../config/parse.ts'
import { limitNames, limitSettings } from '../config/user-limits.ts'
import { nameKey } from '../config/user-name.ts'
import { UserError, type UserErrorCode } from '../user-store/errors.ts'
import type { ManagedUser, UserEdit } from '../user-store/managed-user.ts'
import { limitsJson } from '../user-store/record.ts'
import type { UserStore } from '../user-store/store.ts'
import { effectiveLimits, type UserLimits } from '../users/limits.ts'
import type { Link } from '../users/links.ts'
import { qrSvg } from '../users/qr.ts'
import { readSecret, type Secret } from '../users/secret.ts'
import type { User } from '../users/user.ts'
import type { Endpoint, Field, Input, Outcome, Parameter } from './endpoint.ts'
import { everyLimit, limitFields, ownLimits } from './limit-fields.ts'
import { type Problem, problem } from './problem.ts'
import { list, object, oneOf, orNull, text, whole, yesOrNo } from './schema.ts'

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

const mostListed = 10_000
const usuallyListed = 1_000

const user = object({
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

const described = (one: ListedUser, defaults: UserLimits) => ({
  name: one.name,
  source: one.source,
  enabled: one.enabled,
  limits: limitsJson(one.limits),
  effective: limitsJson(effectiveLimits(one.limits, defaults)),
  addedAt: one.source === 'store' ? new Date(one.addedAt).toISOString() : null,
  changedAt: one.source === 'store' ? new Date(one.changedAt).toISOString() : null,
  by: one.source === 'store' ? one.by : null,
})

const link = object({
  mode: oneOf('Mode', ['classic', 'secure', 'tls']),
  domain: orNull(text('Domain of fake TLS; null in other modes')),
  tg: text('Link that opens Telegram'),
  web: text('The same by way of t.me'),
  hex: text('The secret alone, as an app takes it'),
  base64url: text('The same, shorter'),
})

const links = object({ user: text('Name'), links: list(link) })

const name: Record<'user', Parameter> = {
  user: { schema: { type: 'string' }, doc: 'Name of the user; case and width make no difference' },
}

const missing = (wanted: string): Problem =>
  problem('not-found', `user=${wanted.slice(0, 60)} does not exist: take a name of GET /api/v1/users`)

/** The user with this name; case and width make no difference. */
export const userOf = (all: readonly ListedUser[], wanted: string): ListedUser | null => {
  const key = nameKey(wanted)
  return all.find((one) => nameKey(one.name) === key) ?? null
}

const found = ({ all }: UsersPort, wanted: string): ListedUser | null => userOf(all(), wanted)

const kinds: Record<UserErrorCode, Problem['problem']> = {
  ERR_USER_NAME: 'invalid-request',
  ERR_USER_SECRET: 'invalid-request',
  ERR_USER_LIMIT: 'invalid-request',
  ERR_USER_UNKNOWN: 'not-found',
  ERR_USER_EXISTS: 'conflict',
  ERR_USER_SECRET_TAKEN: 'conflict',
  ERR_USER_OF_SETTINGS: 'conflict',
  ERR_USERS_FULL: 'conflict',
  ERR_USERS_DAMAGED: 'unavailable',
  ERR_USERS_BUSY: 'unavailable',
  ERR_USERS_UNWRITABLE: 'unavailable',
  ERR_USERS_KEY: 'unavailable',
  ERR_USERS_KAFKA: 'unavailable',
}

/** A refusal of the store is a problem; a fault of ours goes on. */
const refusable = async (work: () => Promise<Outcome>): Promise<Outcome> => {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    const field = { ERR_USER_NAME: 'name', ERR_USER_SECRET: 'secret' }[String(error.code)]
    const errors = field === undefined ? {} : { errors: [{ field, mistake: error.message }] }
    return problem(kinds[error.code], error.message, errors)
  }
}

const changed = (port: UsersPort, managed: ManagedUser, status: 200 | 201): Outcome => ({
  status,
  value: described({ ...managed, source: 'store' }, port.defaults()),
  target: managed.name,
  ...(status === 201 ? { headers: { location: `/api/v1/users/${encodeURIComponent(managed.name)}` } } : {}),
})

const enabled: Field = {
  schema: { type: 'boolean', description: 'Whether its clients are accepted' },
  read: (value) => (typeof value === 'boolean' ? parsed(value) : mistaken('must be true or false')),
}
const limits: Field = {
  schema: {
    type: 'object',
    description: 'Limits of the user’s own; those that are missing stay as they are',
  },
  fields: limitFields,
}
const newName: Field = {
  schema: {
    type: 'string',
    minLength: 1,
    maxLength: 96,
    description: 'Name in metrics, events and on the page',
  },
  read: (value) => (typeof value === 'string' ? parsed(value) : mistaken('must be a text')),
  required: true,
}
const secret: Field = {
  schema: {
    type: 'string',
    description: '32 hex digits; a random one by default',
    pattern: '^[0-9A-Fa-f]{32}$',
  },
  read: (value) => readSecret(typeof value === 'string' ? value : ''),
  secret: true,
}

/** The fields of `Input.body` have these types by their `read`. */
const editOf = ({ body }: Input): UserEdit => ({
  secret: body.secret as Secret | undefined,
  enabled: body.enabled as boolean | undefined,
  limits: body.limits as UserEdit['limits'],
})

const conflicts = ['not-found', 'conflict', 'unavailable'] as const

const switching = (to: boolean): Endpoint<UsersPort> => ({
  id: to ? 'enableUser' : 'disableUser',
  method: 'POST',
  path: `/users/{user}/${to ? 'enable' : 'disable'}`,
  tag: 'Users',
  summary: to
    ? 'Accepts clients of the user again'
    : 'Refuses clients of the user, and ends their open connections',
  action: to ? 'user.enable' : 'user.disable',
  parameters: name,
  success: { status: 200, doc: 'The user', schema: user },
  problems: conflicts,
  act: (port, { path: { user = '' }, by }) =>
    refusable(async () => changed(port, await port.store.change(user, { enabled: to }, by), 200)),
})

const whole1 = (given: string | undefined, most: number, otherwise: number): number | null => {
  if (given === undefined) return otherwise
  const value = /^\d{1,6}$/.test(given) ? Number(given) : 0
  return value >= 1 && value <= most ? value : null
}

const listUsers: Endpoint<UsersPort> = {
  id: 'listUsers',
  method: 'GET',
  path: '/users',
  tag: 'Users',
  summary: 'Users with their limits, those of settings first',
  query: {
    most: {
      schema: { type: 'integer', minimum: 1, maximum: mostListed },
      doc: `Maximum number of users in the answer; ${usuallyListed} by default`,
    },
    find: { schema: { type: 'string' }, doc: 'Only users with this text in their name' },
    after: { schema: { type: 'string' }, doc: 'Begins behind this user: the last one of the answer before' },
  },
  success: {
    status: 200,
    doc: 'The users',
    schema: object({ total: whole('Number of users, also beyond this answer'), users: list(user) }),
  },
  problems: ['invalid-request', 'not-found'],
  act: (port, { query: { most: given, after, find = '' } }) => {
    const most = whole1(given, mostListed, usuallyListed)
    if (most === null) {
      const mistake = `must be a whole number from 1 to ${mostListed}`
      return problem('invalid-request', `most=${given} ${mistake}`, {
        errors: [{ field: 'most', value: given, mistake }],
      })
    }
    const part = nameKey(find)
    const all = port.all().filter((one) => part === '' || nameKey(one.name).includes(part))
    const key = nameKey(after ?? '')
    const at = after === undefined ? 0 : all.findIndex((one) => nameKey(one.name) === key) + 1
    if (after !== undefined && at === 0) return missing(after)
    const defaults = port.defaults()
    const users = all.slice(at, at + most).map((one) => described(one, defaults))
    return { status: 200, value: { total: all.length, users } }
  },
}

const editing: readonly Endpoint<UsersPort>[] = [
  {
    id: 'addUser',
    method: 'POST',
    path: '/users',
    tag: 'Users',
    summary: 'Adds a user',
    action: 'user.add',
    body: { name: newName, secret, enabled, limits },
    success: { status: 201, doc: 'The user; its links are at /api/v1/users/{user}/links', schema: user },
    problems: ['conflict', 'unavailable'],
    act: (port, input) =>
      refusable(async () => {
        const added = await port.store.add({ name: String(input.body.name), ...editOf(input) }, input.by)
        return changed(port, added, 201)
      }),
  },
  {
    id: 'changeUser',
    method: 'PATCH',
    path: '/users/{user}',
    tag: 'Users',
    summary: 'Changes the given fields and limits of a user',
    action: 'user.change',
    parameters: name,
    body: { secret, enabled, limits },
    success: { status: 200, doc: 'The user', schema: user },
    problems: conflicts,
    act: (port, input) =>
      refusable(async () =>
        changed(port, await port.store.change(input.path.user ?? '', editOf(input), input.by), 200),
      ),
  },
  {
    id: 'removeUser',
    method: 'DELETE',
    path: '/users/{user}',
    tag: 'Users',
    summary: 'Removes a user, and ends its open connections',
    action: 'user.remove',
    parameters: name,
    success: { status: 204, doc: 'The user is removed' },
    problems: conflicts,
    act: (port, { path: { user = '' }, by }) =>
      refusable(async () => {
        const target = found(port, user)?.name ?? user
        await port.store.remove(user, by)
        return { status: 204, target }
      }),
  },
  {
    id: 'rotateUser',
    method: 'POST',
    path: '/users/{user}/rotate',
    tag: 'Users',
    summary: 'Gives a user a new secret: its old links stop working',
    action: 'user.rotate',
    parameters: name,
    success: { status: 200, doc: 'The user', schema: user },
    problems: conflicts,
    act: (port, { path: { user = '' }, by }) =>
      refusable(async () => changed(port, await port.store.rotate(user, by), 200)),
  },
  switching(true),
  switching(false),
]

const noAddress = problem('unavailable', 'the address for links is not known: set PUBLIC_HOST')

const linking: readonly Endpoint<UsersPort>[] = [
  {
    id: 'getLinks',
    method: 'GET',
    path: '/users/{user}/links',
    tag: 'Users',
    summary: 'Links of a user, one for each mode and domain',
    parameters: name,
    success: { status: 200, doc: 'The links', schema: links },
    problems: ['not-found', 'unavailable'],
    act: async (port, { path: { user = '' } }) => {
      const one = found(port, user)
      if (one === null) return missing(user)
      const all = await port.linksOf(one)
      if (all === null) return noAddress
      return { status: 200, value: { user: one.name, links: all.map(({ user: _, ...rest }) => rest) } }
    },
  },
  {
    id: 'getQr',
    method: 'GET',
    path: '/users/{user}/qr',
    tag: 'Users',
    summary: 'A link of a user as a QR code',
    parameters: name,
    query: {
      mode: {
        schema: { type: 'string', enum: ['classic', 'secure', 'tls'] },
        doc: 'Mode of the link; the last one of the links by default',
      },
      domain: { schema: { type: 'string' }, doc: 'Domain of the link, in mode tls' },
    },
    success: { status: 200, doc: 'The image', schema: { type: 'string' }, contentType: 'image/svg+xml' },
    problems: ['not-found', 'unavailable'],
    act: async (port, { path: { user = '' }, query: { mode, domain } }) => {
      const one = found(port, user)
      if (one === null) return missing(user)
      const all = await port.linksOf(one)
      if (all === null) return noAddress
      const fitting = all.filter(
        (link) =>
          (mode === undefined || link.mode === mode) && (domain === undefined || link.domain === domain),
      )
      const link = domain === undefined && mode !== undefined ? fitting[0] : fitting.at(-1)
      return link === undefined
        ? problem('not-found', `user=${one.name} has no link with this mode and domain: GET its links`)
        : { status: 200, value: qrSvg(link.tg), contentType: 'image/svg+xml' }
    },
  },
]

const limit = object({
  limit: text('Name of the field'),
  setting: text('Setting with the default of all users'),
  doc: text('What it limits'),
})

export const userEndpoints: readonly Endpoint<UsersPort>[] = [
  listUsers,
  {
    id: 'getUser',
    method: 'GET',
    path: '/users/{user}',
    tag: 'Users',
    summary: 'One user',
    parameters: name,
    success: { status: 200, doc: 'The user', schema: user },
    problems: ['not-found'],
    act: (port, { path: { user = '' } }) => {
      const one = found(port, user)
      return one === null ? missing(user) : { status: 200, value: described(one, port.defaults()) }
    },
  },
  ...editing,
  ...linking,
  {
    id: 'listLimits',
    method: 'GET',
    path: '/limits',
    tag: 'Users',
    summary: 'The limits that a user can have, and the defaults of all users',
    success: {
      status: 200,
      doc: 'The limits',
      schema: object({ limits: list(limit), defaults: everyLimit }),
    },
    act: ({ defaults }) => ({
      status: 200,
      value: {
        limits: limitNames.map((name) => {
          const { suffix, doc, fallback } = limitSettings[name]
          return { limit: name, setting: fallback ?? `USER_${suffix}`, doc }
        }),
        defaults: limitsJson(defaults()),
      },
    }),
  },
]
