import { createHmac, randomBytes } from 'node:crypto'
import { accessSync, chmodSync, constants, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Logger } from '../logger/logger.ts'
import { removeDrafts, writePrivate } from './private-file.ts'
import { readSecret, strongSecret } from './secret.ts'
import type { User } from './user.ts'

export const errors = {
  ERR_DATA_DIR: 'DATA_DIR cannot be written',
  ERR_SECRETS_FILE: 'The kept secrets cannot be read',
} as const

/** One line for an operator, with the file and what to do. */
export class SecretsError extends Error {
  readonly code: keyof typeof errors

  constructor(code: keyof typeof errors, detail: string, options?: ErrorOptions) {
    super(`${errors[code]}: ${detail}`, options)
    this.name = 'SecretsError'
    this.code = code
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : String(error)

// Not `recursive`: Node loops endlessly where an existing folder answers ENOENT, as those of /proc do.
const makeFolder = (path: string): void => {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST' && statSync(path).isDirectory()) return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    makeFolder(dirname(path))
    mkdirSync(path, { mode: 0o700 })
  }
}

/** Creates the folder with mode 0700 if it is missing. Throws a SecretsError if it is not writable. */
export const makeDataDir = (dataDir: string): void => {
  try {
    makeFolder(dataDir)
    accessSync(dataDir, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new SecretsError('ERR_DATA_DIR', `${dataDir} (${codeOf(cause)}): choose a writable folder`, {
      cause,
    })
  }
}

const write = (dataDir: string, name: string, content: unknown): void => {
  try {
    writePrivate(dataDir, name, `${JSON.stringify(content, null, 2)}\n`)
  } catch (cause) {
    const path = join(dataDir, name)
    throw new SecretsError('ERR_DATA_DIR', `${path} (${codeOf(cause)}): choose a writable folder`, { cause })
  }
}

/** Undefined without the file. Sets its mode to 0600. */
const read = (dataDir: string, name: string): unknown => {
  makeDataDir(dataDir)
  const path = join(dataDir, name)
  try {
    removeDrafts(dataDir, name)
    const text = readFileSync(path, 'utf8')
    chmodSync(path, 0o600)
    return JSON.parse(text)
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined
    const why = cause instanceof SyntaxError ? 'is not JSON' : codeOf(cause)
    throw new SecretsError(
      'ERR_SECRETS_FILE',
      `${path} (${why}): restore it from a backup, or move it away to get a new secret; links with the old one then fail`,
      { cause },
    )
  }
}

const fieldOf = (value: unknown, field: string): unknown =>
  typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, field)?.value
    : undefined

const secretsFile = 'secrets.json'

/**
 * The user of a proxy without any other, and when its secret was made (epoch, ms). The first start generates the secret and
 * keeps it in `secrets.json` (0600); without `make`, null where it is missing. Throws a SecretsError.
 */
export const generatedUser = (dataDir: string, make: boolean): { user: User; at: number } | null => {
  let kept = read(dataDir, secretsFile)
  if (kept === undefined) {
    if (!make) return null
    kept = { user1: strongSecret().hex() }
    write(dataDir, secretsFile, kept)
  }
  const path = join(dataDir, secretsFile)
  const hex = fieldOf(kept, 'user1')
  const reading = readSecret(typeof hex === 'string' ? hex : '')
  if (!reading.ok)
    throw new SecretsError('ERR_SECRETS_FILE', `user1 in ${path} ${reading.mistake}; or move the file away`)
  const user = { name: 'user1', secret: reading.value, enabled: true, limits: {} }
  return { user, at: Math.round(statSync(path).mtimeMs) }
}

/** `generatedUser`, made where it is missing. */
export const keptUser = (dataDir: string): User => generatedUser(dataDir, true)!.user

const keyFile = 'client-key.json'
const keySize = 32
const digits = 16

/** In UTC. */
const dayOf = (now: number): string => new Date(now).toISOString().slice(0, 10)

/** Null if it is missing, or damaged, which is logged and harmless to users. */
const keptKey = (dataDir: string, logger: Logger): { day: string; key: Buffer } | null => {
  let kept: unknown
  try {
    kept = read(dataDir, keyFile)
  } catch (error) {
    if (!(error instanceof SecretsError && error.cause instanceof SyntaxError)) throw error
    kept = null
  }
  if (kept === undefined) return null
  const [day, hex] = [fieldOf(kept, 'day'), fieldOf(kept, 'key')]
  if (typeof day === 'string' && typeof hex === 'string' && /^[0-9a-f]{64}$/.test(hex)) {
    return { day, key: Buffer.from(hex, 'hex') }
  }
  const effect = 'a new key replaces it: until midnight UTC, clients have other names in events than before'
  logger('warn', 'client-key-damaged', { file: join(dataDir, keyFile), effect })
  return null
}

/**
 * The key that turns client addresses into names for one UTC day. It is kept, so that names survive a restart, and
 * overwritten at midnight: after that, no one can link a name to an address. Throws a SecretsError.
 */
export const dailyKey = (dataDir: string, now: number, logger: Logger): Buffer => {
  const day = dayOf(now)
  const kept = keptKey(dataDir, logger)
  if (kept?.day === day) return kept.key
  const key = randomBytes(keySize)
  write(dataDir, keyFile, { day, key: key.toString('hex') })
  return key
}

const newDayMs = 10_000

/**
 * Calls `changed` with the key of each new day within seconds of midnight UTC, until `signal`. A key that cannot be stored
 * is not used. It polls the clock: a timer until midnight would be wrong after the clock is set.
 */
export const newDays = (
  dataDir: string,
  signal: AbortSignal,
  logger: Logger,
  changed: (key: Buffer) => void,
  { now = Date.now, everyMs = newDayMs }: { readonly now?: () => number; readonly everyMs?: number } = {},
): void => {
  let day = ''
  const looking = setInterval(() => {
    if (day === dayOf(now())) return
    day = dayOf(now())
    try {
      changed(dailyKey(dataDir, now(), logger))
    } catch (error) {
      logger('error', 'client-key', {
        error: error instanceof Error ? error : String(error),
        using: 'yesterday',
      })
    }
  }, everyMs).unref()
  signal.addEventListener('abort', () => clearInterval(looking))
}

/** The name of a client in events: 16 hex digits. */
export const clientName = (key: Buffer, address: string): string =>
  createHmac('sha256', key).update(address).digest('hex').slice(0, digits)
