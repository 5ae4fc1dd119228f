import { mkdirSync } from 'node:fs'
import { isDamage, LogError } from './errors.ts'
import { takeLock } from './lock.ts'
import { moveAside, openStore, removeStore, type Store, type StoreBounds } from './store.ts'

/** Why a file was moved aside, and where to. */
export type Damage = { readonly reason: string; readonly movedTo: string }

/** The open store of DATA_DIR. */
export type Keeper = {
  /** Runs `use` on the store. Where the file is damaged, replaces it by a new one and runs `use` again. */
  with<T>(use: (store: Store) => T): T
  /** Replaces the store by an empty one. */
  renew(): void
  /** Closes the store and releases DATA_DIR. */
  close(): void
}

/**
 * Locks DATA_DIR for this process, creates it if needed, and opens its event log. Moves a damaged file aside, at open or when
 * a read meets the damage: an error would only come again at the next start. Throws a LogError.
 */
export const keepStore = (dataDir: string, bounds: StoreBounds, report: (damage: Damage) => void): Keeper => {
  const replace = (damage: unknown): Store => {
    report({ reason: reason(damage), movedTo: moveAside(dataDir) })
    return openStore(dataDir, bounds)
  }
  const open = (): Store => {
    try {
      return openStore(dataDir, bounds)
    } catch (error) {
      if (isDamage(error)) return replace(error)
      throw error
    }
  }

  const unlock = orLogError(dataDir, () => {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    return takeLock(dataDir)
  })
  let store: Store
  try {
    store = orLogError(dataDir, open)
  } catch (error) {
    unlock()
    throw error
  }

  return {
    with: (use) => {
      try {
        return use(store)
      } catch (error) {
        if (!isDamage(error)) throw error
        store.close()
        store = replace(error)
        return use(store)
      }
    },
    renew: () => {
      store.close()
      removeStore(dataDir)
      store = openStore(dataDir, bounds)
    },
    close: () => {
      try {
        store.close()
      } finally {
        unlock()
      }
    },
  }
}

const orLogError = <T>(dataDir: string, run: () => T): T => {
  try {
    return run()
  } catch (error) {
    if (error instanceof LogError) throw error
    throw new LogError(
      'ERR_LOG_UNWRITABLE',
      `DATA_DIR=${dataDir} (${reason(error)}): make it writable for this user, or free space`,
      error,
    )
  }
}

export const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
