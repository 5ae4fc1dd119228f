import type { UserLimits } from '../users/limits.ts'
import { settingNames } from './settings.ts'
import { limitNames, limitOf, limitSettings } from './user-limits.ts'

const ofUser = /^USER(\d{1,4})_([A-Z_]+)$/

export type UserSetting = { readonly number: string; readonly part: 'secret' | 'name' | keyof UserLimits }

const partOf = (suffix: string): UserSetting['part'] | null => {
  if (suffix === 'SECRET') return 'secret'
  return suffix === 'NAME' ? 'name' : limitOf(suffix)
}

/** `USER12_NAME` → 12, name. */
export const userSetting = (name: string): UserSetting | null => {
  const [, number, suffix = ''] = ofUser.exec(name) ?? []
  const part = partOf(suffix)
  return number !== undefined && part !== null ? { number, part } : null
}

const suffixes = ['SECRET', 'NAME', ...limitNames.map((name) => limitSettings[name].suffix)]

/** Levenshtein distance: the fewest letters to change, add or remove. */
export const distance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (const [line, letter] of [...from].entries()) {
    const next = [line + 1]
    for (const [at, other] of [...to].entries()) {
      next.push(Math.min(row[at]! + (letter === other ? 0 : 1), row[at + 1]! + 1, next[at]! + 1))
    }
    row = next
  }
  return row[to.length] ?? from.length
}

const longest = 40

/** The setting nearest to `name`, at most `most` letters away; else null. */
const nearest = (name: string, most: number): string | null => {
  if (name.length > longest) return null
  const upper = name.toUpperCase()
  const number = /^USERS?_?(\d{1,4})/.exec(upper)?.[1] ?? '1'
  const looksLikeUser = /^USERS?_?\d/.test(upper) || /^USERS?_SECRETS?$/.test(upper)
  const users = looksLikeUser ? suffixes.map((suffix) => `USER${number}_${suffix}`) : []
  const near = [...settingNames, ...users]
    .map((known) => ({ known, off: distance(upper, known) }))
    .sort((a, b) => a.off - b.off)[0]
  return near !== undefined && near.off <= most ? near.known : null
}

/** The setting that a misspelled line of `.env` probably means, or null. */
export const meant = (name: string): string | null => nearest(name, Math.min(4, Math.floor(name.length / 3)))

const foreign = /^(?:OTEL_|NODE_|npm_|COMPOSE_|DOCKER_|XDG_|LC_)/i
const shortest = 6

/** The same for the process environment, which has names of many programs: only near misses count. */
export const surelyMeant = (name: string): string | null => {
  if (foreign.test(name) || name.length < shortest) return null
  return nearest(name, name.length < 9 ? 1 : 2)
}
