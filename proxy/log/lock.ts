import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LogError, resultCode, sqlite } from './errors.ts'

/**
 * Holds DATA_DIR for this process until released, by an SQLite lock on an empty file: the kernel drops it with the
 * process, however that ends, so that no stale lock is left to clean up. Throws ERR_LOG_LOCKED.
 */
export const takeLock = (dataDir: string): (() => void) => {
  const lock = new DatabaseSync(join(dataDir, 'log.lock'))
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (resultCode(error) === sqlite.busy) throw new LogError('ERR_LOG_LOCKED', dataDir, error)
    throw error
  }
  return () => lock.close()
}
