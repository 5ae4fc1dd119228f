import { limitNames, limitSettings } from '../config/user-limits.ts'
import { nameKey, readUserName } from '../config/user-name.ts'
import type { UserLimits } from '../users/limits.ts'
import { readSecret } from '../users/secret.ts'
import { ownLimits } from './decide.ts'
import type { ManagedUser, NewUser, Users } from './managed-user.ts'

type Reading<T> =
  | ({ readonly ok: true } & T)
  /** A clause that follows the name of what was read. It never repeats a value that could be a secret. */
  | { readonly ok: false; readonly mistake: string }

const wrong = (mistake: string): { readonly ok: false; readonly mistake: string } => ({ ok: false, mistake })

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A limit as settings have it: `none`, a number, words with commas, a moment. */
export const limitText = (name: keyof UserLimits, value: UserLimits[keyof UserLimits]): string => {
  if (value === null) return 'none'
  if (name === 'expiresAt') return new Date(Number(value)).toISOString().replace('.000Z', 'Z')
  return String(value)
}

/** Own limits as JSON: numbers, lists, null for none, a moment as text. */
export const limitsJson = (limits: Partial<UserLimits>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    limitNames.flatMap((name) => {
      const value = limits[name]
      if (value === undefined) return []
      return [[name, name === 'expiresAt' && value !== null ? limitText(name, value) : value]]
    }),
  )

const mostText = 16_384

const textOf = (value: unknown): string | null => {
  if (value === null) return 'none'
  if (typeof value === 'number' || typeof value === 'string') return String(value)
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value.join(',') : null
}

/** Own limits from JSON, as `limitsJson` writes them or as texts of the settings. */
export const readLimits = (json: unknown): Reading<{ readonly limits: Partial<UserLimits> }> => {
  if (!isObject(json)) return wrong('has limits that are not an object')
  const limits: [string, unknown][] = []
  for (const [name, value] of Object.entries(json)) {
    const known = limitNames.find((one) => one === name)
    if (known === undefined)
      return wrong(`has an unknown limit ${JSON.stringify(name.slice(0, 40))}: use ${limitNames.join(', ')}`)
    const text = textOf(value)
    if (text === null || text.length > mostText) return wrong(`has a limit ${known} of a wrong type`)
    const read = limitSettings[known].parse(text)
    if (!read.ok) return wrong(`has a limit ${known} that ${read.mistake}`)
    limits.push([known, read.value])
  }
  return { ok: true, limits: Object.fromEntries(limits) }
}

/** Everything of a user but the secret. */
export const publicRecord = ({ name, enabled, limits, addedAt, changedAt, by }: ManagedUser) => ({
  name,
  enabled,
  limits: limitsJson(limits),
  addedAt: new Date(addedAt).toISOString(),
  changedAt: new Date(changedAt).toISOString(),
  by,
})

/** With the secret: only for files of mode 0600, sealed records, and an operator that asks for it. */
export const secretRecord = (user: ManagedUser) => {
  const { name, ...rest } = publicRecord(user)
  return { name, secret: user.secret.hex(), ...rest }
}

const timeOf = (value: unknown): number | null => {
  const at = typeof value === 'string' && value.length <= 40 ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) ? null : at
}

const longestBy = 64

/** The writer of a record as text that cannot forge a line or a field. */
export const writerName = (by: string): string => by.replace(/[^\x21-\x7e]/g, '?').slice(0, longestBy)

/** Checks a user that anyone may have written. Everything but the name may be missing. */
export const readNewUser = (json: unknown): Reading<{ readonly user: NewUser }> => {
  if (!isObject(json)) return wrong('is not an object')
  const name = typeof json.name === 'string' && json.name.length <= 200 ? readUserName(json.name) : null
  if (name === null || nameKey(name) === 'other') return wrong('has no valid name')
  const secret =
    json.secret === undefined ? null : readSecret(typeof json.secret === 'string' ? json.secret : '')
  if (secret?.ok === false) return wrong(`(${name}) has a secret that ${secret.mistake}`)
  const { enabled, limits } = json
  if (enabled !== undefined && typeof enabled !== 'boolean')
    return wrong(`(${name}) must have enabled true or false`)
  const read = limits === undefined ? null : readLimits(limits)
  if (read?.ok === false) return wrong(`(${name}) ${read.mistake}`)
  return { ok: true, user: { name, secret: secret?.value, enabled, limits: read?.limits } }
}

/** Checks a record of the store. `addedAt`, `changedAt` and `by` may be missing. */
export const readRecord = (json: unknown, now: number): Reading<{ readonly user: ManagedUser }> => {
  const read = readNewUser(json)
  if (!read.ok) return read
  const { name, secret, enabled = true, limits = {} } = read.user
  if (!isObject(json) || secret === undefined) return wrong(`(${name}) has no secret`)
  const user: ManagedUser = {
    ...{ name, secret, enabled, limits: ownLimits(limits) },
    addedAt: timeOf(json.addedAt) ?? now,
    changedAt: timeOf(json.changedAt) ?? now,
    by: writerName(typeof json.by === 'string' ? json.by : 'unknown'),
  }
  return { ok: true, user }
}

const version = 1

/** The text of all users, one on a line. */
export const usersText = (users: Users, record: (user: ManagedUser) => object = secretRecord): string => {
  const lines = [...users.values()].map((user) => JSON.stringify(record(user)))
  return `{"version":${version},"users":[\n${lines.join(',\n')}\n]}\n`
}

/** The list "users" of a text, and the version of its form. */
const listOf = (text: string): Reading<{ readonly list: readonly unknown[]; readonly version: unknown }> => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return wrong('is not JSON')
  }
  if (!isObject(json) || !Array.isArray(json.users)) return wrong('has no list "users"')
  return { ok: true, list: json.users, version: json.version }
}

/** The users of an export, which has no secrets unless they were asked for. */
export const readExport = (text: string): Reading<{ readonly users: readonly NewUser[] }> => {
  const found = listOf(text)
  if (!found.ok) return found
  const users: NewUser[] = []
  for (const [at, item] of found.list.entries()) {
    const read = readNewUser(item)
    if (!read.ok) return wrong(`record ${at + 1} ${read.mistake}`)
    users.push(read.user)
  }
  return { ok: true, users }
}

/** Checks the whole file: one wrong record refuses it, since its name may be what is wrong. */
export const readUsersText = (text: string, now = Date.now()): Reading<{ readonly users: Users }> => {
  const found = listOf(text)
  if (!found.ok) return found
  if (found.version !== version)
    return wrong(`has the version ${JSON.stringify(found.version)?.slice(0, 20)}, and this reads version 1`)
  const users = new Map<string, ManagedUser>()
  const secrets = new Set<string>()
  for (const [at, item] of found.list.entries()) {
    const read = readRecord(item, now)
    if (!read.ok) return wrong(`record ${at + 1} ${read.mistake}`)
    const { user } = read
    const key = nameKey(user.name)
    const hex = user.secret.hex()
    if (users.has(key)) return wrong(`has two users named ${user.name}`)
    if (secrets.has(hex)) return wrong(`record ${at + 1} (${user.name}) has the secret of another user`)
    users.set(key, user)
    secrets.add(hex)
  }
  return { ok: true, users }
}
