import { chmodSync, closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LogError, resultCode, sqlite } from './errors.ts'

/**
 * Locks DATA_DIR for this process with an SQLite lock on an empty file (0600), and returns the release. The kernel releases
 * the lock when the process ends, so that none is left behind. Throws ERR_LOG_LOCKED.
 */
export const takeLock = (dataDir: string): (() => void) => {
  const path = join(dataDir, 'log.lock')
  // SQLite would create it by umask. Do not open an existing one: closing it would release a lock of this process.
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
  const lock = new DatabaseSync(path)
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (resultCode(error) === sqlite.busy)
      throw new LogError(
        'ERR_LOG_LOCKED',
        `DATA_DIR=${dataDir}: stop that process, or set another folder`,
        error,
      )
    throw error
  }
  return () => lock.close()
}
