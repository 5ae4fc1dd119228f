import type { Mode } from '../events/contract.ts'
import { readSecretText } from './secret-text.ts'
import { isTable, textOf, type Value } from './value.ts'

/** A line of the other configuration without an equivalent. `shown` is its value; empty if it may be a secret. */
export type Left = { readonly key: string; readonly shown: string; readonly why: string }

/** `limits`: suffix of `USER<n>_` → value. */
export type DraftUser = { readonly name: string; secret: string; readonly limits: Map<string, string> }

/** What an import has found so far. */
export type Draft = {
  readonly settings: Map<string, string>
  readonly users: Map<string, DraftUser>
  readonly left: readonly Left[]
  /** `host:port` or `unix:path` of each listener; empty: MTPROTO_PORT alone. */
  readonly listeners: Set<string>
  /** Domains of the links, the main one first. */
  readonly domains: Set<string>
  readonly modes: Set<Mode>
  set(setting: string, value: Value): void
  /** Adds a user; a secret that cannot be read is left. */
  user(name: string, secret: Value, key: string): void
  limit(name: string, suffix: string, value: Value): void
  listen(place: string): void
  leave(key: string, value: Value, why: string): void
}

const secretive = /secret|pass|key|tag|token|auth|proxies|socks|upstream/i
const longestShown = 60

const shownOf = (key: string, value: Value): string => {
  const text = value === null ? '' : textOf(value)
  // A long run of digits and letters may be a secret, and a login stands before an @, whatever the name is.
  return secretive.test(key) || /[\w+/-]{22,}|@/.test(text) || text.length > longestShown ? '' : text
}

export const startDraft = (): Draft => {
  const settings = new Map<string, string>()
  const users = new Map<string, DraftUser>()
  const left: Left[] = []
  const listeners = new Set<string>()
  const domains = new Set<string>()
  const modes = new Set<Mode>()
  const leave = (key: string, value: Value, why: string): void => {
    left.push({ key, shown: shownOf(key, value), why })
  }
  return {
    settings,
    users,
    left,
    listeners,
    domains,
    modes,
    listen: (place) => void listeners.add(place),
    leave,
    set: (setting, value) => void settings.set(setting, textOf(value)),
    user: (name, secret, key) => {
      const read = typeof secret === 'string' ? readSecretText(secret.trim()) : null
      if (read === null) {
        leave(
          key,
          null,
          'is not a secret of 32 hex digits, with dd or ee and domain around it, or the same in base64',
        )
        return
      }
      if (read.mode !== null) modes.add(read.mode)
      if (read.domain !== null) domains.add(read.domain)
      users.set(name, { name, secret: read.hex, limits: users.get(name)?.limits ?? new Map() })
    },
    limit: (name, suffix, value) => {
      const user = users.get(name) ?? { name, secret: '', limits: new Map() }
      user.limits.set(suffix, textOf(value))
      users.set(name, user)
    },
  }
}

/** Takes one value of the other configuration into the draft. */
export type Rule = (value: Value, draft: Draft, key: string) => unknown

/** The value of a setting of ours. */
export const as =
  (setting: string): Rule =>
  (value, draft) =>
    draft.set(setting, value)

/** Has no equivalent. */
export const no =
  (why: string): Rule =>
  (value, draft, key) =>
    draft.leave(key, value, why)

/** Changes nothing here, and nothing is lost. */
export const same: Rule = () => {}

/** The same as `rule`, unless the value is empty, 0, false or null: then nothing is configured. */
export const ifSet =
  (rule: Rule): Rule =>
  (value, draft, key) => {
    const empty = value === '' || value === 0 || value === false || value === null
    if (!empty && !(Array.isArray(value) && value.length === 0)) rule(value, draft, key)
  }

/** Applies the rule of each key. A key without a rule is left. */
export const applyRules = (
  entries: Iterable<readonly [key: string, value: Value]>,
  rules: Readonly<Record<string, Rule>>,
  draft: Draft,
  place = '',
): void => {
  for (const [key, value] of entries) {
    const rule = Object.hasOwn(rules, key) ? rules[key]! : no('is not a setting that this import knows')
    rule(value, draft, `${place}${key}`)
  }
}

/** A part of the file that is a table of its own. */
export const inside =
  (rules: Readonly<Record<string, Rule>>): Rule =>
  (value, draft, key) => {
    if (isTable(value)) applyRules(Object.entries(value), rules, draft, `${key}.`)
    else draft.leave(key, value, 'is not a table')
  }

/** A table of limits: user → value. */
export const limits =
  (suffix: string, convert: (value: Value) => Value = (value) => value): Rule =>
  (value, draft, key) => {
    if (!isTable(value)) return draft.leave(key, value, 'is not a table of users')
    for (const [name, limit] of Object.entries(value)) {
      // 0 means "no limit" in all of these programs.
      if (limit !== 0 && limit !== null) draft.limit(name, suffix, convert(limit))
    }
  }
