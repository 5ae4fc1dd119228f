import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { nameKey } from '../config/user-name.ts'
import type { Logger } from '../logger/logger.ts'
import { writePrivate } from '../users/private-file.ts'
import { applied, differences } from './differences.ts'
import { UserError } from './errors.ts'
import { alone } from './lock.ts'
import type { Keeper, ManagedUser, UserChange, Users } from './managed-user.ts'
import { readUsersText, usersText } from './record.ts'

const name = 'users.json'
/** The users that were in force last: used at a start that finds the file damaged. */
const copyName = 'users.good.json'
const lookMs = 1_000

export type FileOptions = {
  readonly dataDir: string
  readonly logger: Logger
  /** The users while there is no file, with which it begins: the generated one, so that its links stay valid. */
  readonly first: () => readonly ManagedUser[]
  /** A running appliance looks for changes of others, and keeps a copy of what is in force. */
  readonly follow: boolean
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : String(error)

/** Null without the file. Throws ERR_USERS_DAMAGED. */
const readText = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw new UserError('ERR_USERS_DAMAGED', `${path} (${codeOf(error)}): check its owner and mode`, error)
  }
}

/** Throws ERR_USERS_DAMAGED. */
const parse = (path: string, text: string): Users => {
  const reading = readUsersText(text)
  if (reading.ok) return reading.users
  throw new UserError(
    'ERR_USERS_DAMAGED',
    `${path} ${reading.mistake}: correct it, or copy ${copyName} over it`,
  )
}

/** Changes with each write: a writer renames a new file over the old one. */
const stampOf = (path: string): string => {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats === undefined ? '' : `${stats.ino} ${stats.mtimeMs} ${stats.size}`
}

const write = (dataDir: string, file: string, text: string): void => {
  try {
    writePrivate(dataDir, file, text)
  } catch (error) {
    throw new UserError(
      'ERR_USERS_UNWRITABLE',
      `${join(dataDir, file)} (${codeOf(error)}): check the disk and the owner of DATA_DIR`,
      error,
    )
  }
}

/** Null: there is none. */
const lastGood = ({ dataDir, logger }: FileOptions): Users | null => {
  try {
    const path = join(dataDir, copyName)
    const text = readText(path)
    return text === null ? null : parse(path, text)
  } catch (error) {
    logger('warn', 'users-copy', { error: error instanceof Error ? error : String(error) })
    return null
  }
}

const keyed = (users: readonly ManagedUser[]): Users =>
  new Map(users.map((user) => [nameKey(user.name), user]))

/**
 * Users in `users.json` (0600) of DATA_DIR. A damaged or missing file leaves the last good users in force. Without `follow`
 * throws a UserError for a damaged file.
 */
export const fileKeeper = (options: FileOptions): Keeper => {
  const { dataDir, logger, first, follow } = options
  const path = join(dataDir, name)
  const damage = { file: 0, record: 0, key: 0, clash: 0 }
  const copy = follow ? lastGood(options) : null
  let hasCopy = copy !== null
  let users: Users = copy ?? new Map()
  let problem: string | null = null
  let stamp: string | null = null
  const read = (): { users: Users; text: string | null } => {
    const text = readText(path)
    if (text === null && hasCopy)
      throw new UserError(
        'ERR_USERS_DAMAGED',
        `${path} is missing: copy ${copyName} to it, or remove that too`,
      )
    return { users: text === null ? keyed(first()) : parse(path, text), text }
  }
  const take = (): readonly UserChange[] => {
    const { users: after, text } = read()
    const changes = differences(users, after)
    users = after
    problem = null
    if (follow && text !== null && (changes.length > 0 || !hasCopy)) {
      write(dataDir, copyName, text)
      hasCopy = true
    }
    return changes
  }
  const look = (): readonly UserChange[] => {
    const now = stampOf(path)
    if (now === stamp) return []
    stamp = now
    try {
      return take()
    } catch (error) {
      if (!follow) throw error
      const message = error instanceof Error ? error.message : String(error)
      if (message !== problem) {
        damage.file++
        logger('error', 'users-damaged', { error: message, using: `the last good ${users.size} users` })
      }
      problem = message
      return []
    }
  }
  const found = look()
  // Without a file, the generated user is as it always was.
  const missed = stamp === '' ? [] : found
  const report = (): void => {
    const changes = look()
    if (changes.length > 0) keeper.changed?.(changes)
  }
  const looking = follow ? setInterval(report, lookMs).unref() : null
  const keeper: Keeper = {
    missed,
    users: () => users,
    update: async (decided) => {
      alone(dataDir, () => {
        const { users } = read()
        write(dataDir, name, usersText(applied(users, decided(users))))
      })
      report()
    },
    refresh: () => {
      stamp = null
      report()
    },
    changed: null,
    health: () => ({ damage: { ...damage }, problem, kind: problem === null ? null : 'file' }),
    close: async () => clearInterval(looking ?? undefined),
  }
  return keeper
}
