import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { writePrivate } from '../users/private-file.ts'
import { UserError } from './errors.ts'
import { keySize, type SealingKey, sealingKey } from './seal.ts'

const keyFile = 'users.key'
const shape = /^[0-9a-f]{64}$/i

/** Null where the file is missing. Throws ERR_USERS_KEY. */
const readKeyFile = (path: string): Buffer | null => {
  let text = ''
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw new UserError('ERR_USERS_KEY', `${path} cannot be read: check its owner and mode`, error)
  }
  if (!shape.test(text))
    throw new UserError(
      'ERR_USERS_KEY',
      `${path} must have 64 hex digits, as \`openssl rand -hex 32\` prints`,
    )
  return Buffer.from(text, 'hex')
}

/**
 * USERS_KEY: the setting, or the file that it names, or `users.key` in DATA_DIR, which `make` makes where it is missing.
 * Throws ERR_USERS_KEY.
 */
export const usersKey = (config: Pick<Config, 'dataDir' | 'usersKey'>, make: boolean): SealingKey => {
  const setting = config.usersKey
  if (setting !== null && shape.test(setting)) return sealingKey(Buffer.from(setting, 'hex'))
  const path = setting ?? join(config.dataDir, keyFile)
  const kept = readKeyFile(path)
  if (kept !== null) return sealingKey(kept)
  if (setting !== null || !make)
    throw new UserError(
      'ERR_USERS_KEY',
      `${path} is missing: copy ${keyFile} from DATA_DIR of a proxy, or set USERS_KEY`,
    )
  const bytes = randomBytes(keySize)
  writePrivate(config.dataDir, keyFile, `${bytes.toString('hex')}\n`)
  return sealingKey(bytes)
}
