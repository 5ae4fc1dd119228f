import { readSecret } from '../users/secret.ts'
import type { User } from '../users/user.ts'
import { type UserSetting, userSetting } from './suggestions.ts'
import { nameKey, readUserName } from './user-name.ts'

/** The label of users beyond the limit of metrics. */
const reserved = 'other'

type Draft = { secret?: string; name?: string }

const draftsOf = (given: ReadonlyMap<string, string>): [number: string, Draft][] => {
  const drafts = new Map<string, Draft>()
  const put = ({ number, part }: UserSetting, value: string): void => {
    const draft = drafts.get(number) ?? {}
    if (part === 'SECRET') draft.secret = value
    else draft.name = value
    drafts.set(number, draft)
  }
  for (const [name, value] of given) {
    const setting = userSetting(name)
    if (setting !== null) put(setting, value)
  }
  return [...drafts].sort(([a], [b]) => Number(a) - Number(b))
}

/** The users of `USER<n>_SECRET` and `USER<n>_NAME`, by number. Adds to `mistakes`, which never repeat a value. */
export const readUsers = (given: ReadonlyMap<string, string>, mistakes: string[]): readonly User[] => {
  const users: User[] = []
  const secrets = new Map<string, string>()
  const names = new Map<string, string>()
  for (const [number, { secret: text, name: writtenName }] of draftsOf(given)) {
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
      mistakes.push(`${nameAt} has no ${secretAt}: write one (openssl rand -hex 16), or leave the name out`)
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
    if (name !== null) users.push({ name, secret: read.value })
  }
  return users
}
