import { mkdirSync } from 'node:fs'
import { isDamage, LogError } from './errors.ts'
import { takeLock } from './lock.ts'
import { moveAside, openStore, removeStore, type Store, type StoreBounds } from './store.ts'

/** The one open store of DATA_DIR, whole at every use. */
export type Keeper = {
  /** Runs `use` on the store. If the file turns out to be damaged, puts a new one in its place and runs `use` there. */
  with<T>(use: (store: Store) => T): T
  /** An empty store in place of this one, which nobody needs any more. */
  renew(): void
  /** Closes the store and lets DATA_DIR go. */
  close(): void
}

/**
 * Takes DATA_DIR for this process, makes it when missing and opens its log. A damaged file is moved aside, at open or
 * whenever a read meets the damage: failing would only fail again at the next start. Throws a LogError.
 */
export const keepStore = (dataDir: string, bounds: StoreBounds, report: (line: string) => void): Keeper => {
  const replace = (damage: unknown): Store => {
    const aside = moveAside(dataDir)
    report(`The event log is damaged (${reason(damage)}): it was moved to ${aside}, and a new one begins`)
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
    throw new LogError('ERR_LOG_UNWRITABLE', `${dataDir} (${reason(error)})`, error)
  }
}

export const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
