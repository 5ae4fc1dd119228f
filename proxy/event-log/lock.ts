import { chmodSync, closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LogError, resultCode, sqlite } from './errors.ts'

/**
 * Holds DATA_DIR for this process until released, by an SQLite lock on an empty file, 0600: the kernel drops it with the
 * process, however that ends, so that no stale lock is left to clean up. Throws ERR_LOG_LOCKED.
 */
export const takeLock = (dataDir: string): (() => void) => {
  const path = join(dataDir, 'log.lock')
  // SQLite would create it by umask. An existing one is not opened here: closing it would drop this process's lock on it.
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
  const lock = new DatabaseSync(path)
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (resultCode(error) === sqlite.busy) throw new LogError('ERR_LOG_LOCKED', dataDir, error)
    throw error
  }
  return () => lock.close()
}
