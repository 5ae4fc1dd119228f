import { mistaken, parsed } from '../config/parse.ts'
import { nameKey } from '../config/user-name.ts'
import type { ManagedUser, UserEdit } from '../user-store/managed-user.ts'
import { readSecret, type Secret } from '../users/secret.ts'
import type { Endpoint, Field, Input, Outcome } from './endpoint.ts'
import { limitFields } from './limit-fields.ts'
import { linkEndpoints } from './links.ts'
import { described, found, missing, type UsersPort, userParameter, userSchema } from './listed-user.ts'
import { problem } from './problem.ts'
import { refusable } from './refusal.ts'
import { list, object, whole } from './schema.ts'

const mostListed = 10_000
const usuallyListed = 1_000

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
  parameters: userParameter,
  success: { status: 200, doc: 'The user', schema: userSchema },
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
    schema: object({ total: whole('Number of users, also beyond this answer'), users: list(userSchema) }),
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
    success: {
      status: 201,
      doc: 'The user; its links are at /api/v1/users/{user}/links',
      schema: userSchema,
    },
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
    parameters: userParameter,
    body: { secret, enabled, limits },
    success: { status: 200, doc: 'The user', schema: userSchema },
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
    parameters: userParameter,
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
    parameters: userParameter,
    success: { status: 200, doc: 'The user', schema: userSchema },
    problems: conflicts,
    act: (port, { path: { user = '' }, by }) =>
      refusable(async () => changed(port, await port.store.rotate(user, by), 200)),
  },
  switching(true),
  switching(false),
]

export const userEndpoints: readonly Endpoint<UsersPort>[] = [
  listUsers,
  {
    id: 'getUser',
    method: 'GET',
    path: '/users/{user}',
    tag: 'Users',
    summary: 'One user',
    parameters: userParameter,
    success: { status: 200, doc: 'The user', schema: userSchema },
    problems: ['not-found'],
    act: (port, { path: { user = '' } }) => {
      const one = found(port, user)
      return one === null ? missing(user) : { status: 200, value: described(one, port.defaults()) }
    },
  },
  ...editing,
  ...linkEndpoints,
]
