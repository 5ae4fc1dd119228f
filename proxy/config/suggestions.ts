import { settingNames } from './settings.ts'

const ofUser = /^USER(\d{1,4})_(SECRET|NAME)$/

export type UserSetting = { readonly number: string; readonly part: 'SECRET' | 'NAME' }

/** `USER12_NAME` → 12, NAME. */
export const userSetting = (name: string): UserSetting | null => {
  const [, number, part] = ofUser.exec(name) ?? []
  return number !== undefined && (part === 'SECRET' || part === 'NAME') ? { number, part } : null
}

/** Levenshtein's: the fewest letters to change, add or leave out. */
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

/** The name of ours that is nearest to `name` by at most `most` letters, or null. */
const nearest = (name: string, most: number): string | null => {
  if (name.length > longest) return null
  const upper = name.toUpperCase()
  const number = /^USERS?_?(\d{1,4})/.exec(upper)?.[1] ?? '1'
  const looksLikeUser = /^USERS?_?\d/.test(upper) || /^USERS?_SECRETS?$/.test(upper)
  const users = looksLikeUser ? [`USER${number}_SECRET`, `USER${number}_NAME`] : []
  const near = [...settingNames, ...users]
    .map((known) => ({ known, off: distance(upper, known) }))
    .sort((a, b) => a.off - b.off)[0]
  return near !== undefined && near.off <= most ? near.known : null
}

/** For a name that must be ours and is not: the one that was meant, or null. */
export const meant = (name: string): string | null => nearest(name, Math.min(4, Math.floor(name.length / 3)))

const foreign = /^(?:OTEL_|NODE_|npm_|COMPOSE_|DOCKER_|XDG_|LC_)/i
const shortest = 6

/** For a name in the process environment, which is full of other programs' names: the one of ours that was surely meant. */
export const surelyMeant = (name: string): string | null => {
  if (foreign.test(name) || name.length < shortest) return null
  return nearest(name, name.length < 9 ? 1 : 2)
}
