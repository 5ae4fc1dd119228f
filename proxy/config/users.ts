import type { UserLimits } from '../users/limits.ts'
import { readSecret } from '../users/secret.ts'
import type { User } from '../users/user.ts'
import { type UserSetting, userSetting } from './suggestions.ts'
import { limitNames, limitSettings } from './user-limits.ts'
import { nameKey, readUserName } from './user-name.ts'

/** The label of users beyond the limit of metrics. */
const reserved = 'other'

type Draft = { [P in UserSetting['part']]?: string }

const draftsOf = (given: ReadonlyMap<string, string>): [number: string, Draft][] => {
  const drafts = new Map<string, Draft>()
  const put = ({ number, part }: UserSetting, value: string): void => {
    const draft = drafts.get(number) ?? {}
    draft[part] = value
    drafts.set(number, draft)
  }
  for (const [name, value] of given) {
    const setting = userSetting(name)
    if (setting !== null) put(setting, value)
  }
  return [...drafts].sort(([a], [b]) => Number(a) - Number(b))
}

const limitsOf = (number: string, draft: Draft, mistakes: string[]): Partial<UserLimits> => {
  const own: [string, unknown][] = []
  for (const name of limitNames) {
    const text = draft[name]
    if (text === undefined) continue
    const { suffix, parse, secret } = limitSettings[name]
    const read = parse(text)
    if (read.ok) own.push([name, read.value])
    else mistakes.push(`USER${number}_${suffix}${secret || text === '' ? '' : `=${text}`} ${read.mistake}`)
  }
  return Object.fromEntries(own)
}

/** The users of `USER<n>_SECRET`, `USER<n>_NAME` and their limits, by number. Adds to `mistakes`, which never repeat a value. */
export const readUsers = (given: ReadonlyMap<string, string>, mistakes: string[]): readonly User[] => {
  const users: User[] = []
  const secrets = new Map<string, string>()
  const names = new Map<string, string>()
  for (const [number, draft] of draftsOf(given)) {
    const { secret: text, name: writtenName } = draft
    const limits = limitsOf(number, draft, mistakes)
    const [secretAt, nameAt] = [`USER${number}_SECRET`, `USER${number}_NAME`]
    const name = readUserName(writtenName ?? `user${number}`)
    const key = nameKey(name ?? '')
    const sameName = names.get(key)
    if (name === null) {
      mistakes.push(
        `${nameAt} must be 1 to 32 letters (with their marks), digits, spaces or . _ @ - ', and start with a letter or digit`,
      )
    } else if (key === reserved)
      mistakes.push(`${nameAt} must not be "${reserved}": metrics use this name for all further users`)
    else if (sameName !== undefined) mistakes.push(`${nameAt} is the name of ${sameName} too: choose another`)
    else names.set(key, `USER${number}`)
    if (text === undefined) {
      const rest =
        writtenName === undefined ? `leave the other USER${number}_ settings out` : 'leave the name out'
      const what = writtenName === undefined ? `USER${number}` : nameAt
      mistakes.push(`${what} has no ${secretAt}: write one (openssl rand -hex 16), or ${rest}`)
      continue
    }
    const read = readSecret(text)
    if (!read.ok) {
      mistakes.push(`${secretAt} ${read.mistake}`)
      continue
    }
    const sameSecret = secrets.get(read.value.hex())
    if (sameSecret !== undefined)
      mistakes.push(`${secretAt} is the same as ${sameSecret}: each user needs a secret of its own`)
    secrets.set(read.value.hex(), secretAt)
    if (name !== null) users.push({ name, secret: read.value, enabled: true, limits })
  }
  return users
}
