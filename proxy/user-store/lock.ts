import { chmodSync, closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { whose } from '../host/file-owner.ts'
import { giveToOwner } from '../users/private-file.ts'
import { UserError } from './errors.ts'

const patienceMs = 5_000

const open = (path: string): DatabaseSync => {
  try {
    if (!existsSync(path)) {
      closeSync(openSync(path, 'a', 0o600))
      chmodSync(path, 0o600)
      giveToOwner(path)
    }
    return new DatabaseSync(path, { timeout: patienceMs })
  } catch (cause) {
    throw new UserError('ERR_USERS_UNWRITABLE', `${path}: ${whose(path)}`, cause)
  }
}

/**
 * Runs `work` while no other program does the same in this folder, by an SQLite lock on an empty file: the kernel releases
 * it when a process ends. Throws ERR_USERS_BUSY after 5 s.
 */
export const alone = <T>(dataDir: string, work: () => T): T => {
  const path = join(dataDir, 'users.lock')
  const lock = open(path)
  try {
    try {
      lock.exec('BEGIN EXCLUSIVE')
    } catch (cause) {
      throw new UserError('ERR_USERS_BUSY', `${path}: try again`, cause)
    }
    return work()
  } finally {
    lock.close()
  }
}
