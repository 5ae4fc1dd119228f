import { isDamage } from './errors.ts'
import type { RowSize, Store } from './store.ts'

export type Bounds = { readonly maxBytes: number; readonly maxAgeMs: number; readonly walBytes: number }

// So that one call stays within some ten milliseconds; what is left over goes at the next.
const rowsAtOnce = 256
const rounds = 64
const pagesAtOnce = 2048

/**
 * Deletes the oldest rows until both bounds hold, and gives back what has become free beyond a reserve for new rows.
 * Only the size bound takes rows after `released`, and tells `forced` how many facts were in them. The newest row
 * always stays, so that no row number is given twice.
 */
export const trimStore = (
  store: Store,
  bounds: Bounds,
  released: number,
  now: number,
  forced: (facts: number) => void,
): void => {
  const { maxBytes, maxAgeMs, walBytes } = bounds
  const budget = maxBytes - 2 * walBytes - maxBytes / 32

  for (let round = 0; round < rounds; round++) {
    const over = usedBytes(store) - budget
    let bytes = 0
    const gone = deleteOldest(store, rowsAtOnce, (oldest) => {
      const old = oldest.row <= released && oldest.at < now - maxAgeMs
      if (!old && bytes >= over) return false
      bytes += oldest.bytes
      return true
    })
    const taken = gone.filter(({ row }) => row > released).reduce((facts, { count }) => facts + count, 0)
    if (taken > 0) forced(taken)
    if (gone.length === 0 || (gone.length < rowsAtOnce && usedBytes(store) <= budget)) break
  }

  const { free, pageBytes } = store.pages()
  if (free * pageBytes > maxBytes / 8) {
    store.vacuum(Math.min(pagesAtOnce, Math.ceil(free - maxBytes / 16 / pageBytes)))
    store.checkpoint() // only then the file shrinks
  } else if (store.walBytes() > 2 * walBytes) store.checkpoint()
}

/** Deletes some released rows, oldest first, so that a full disk can take new ones in their place. */
export const makeRoom = (store: Store, released: number): void => {
  fold(store)
  let bytes = 0
  deleteOldest(store, rowsAtOnce, (oldest) => {
    if (oldest.row > released || bytes > 256 * 1024) return false
    bytes += oldest.bytes
    return true
  })
  fold(store)
}

// Folding back may itself want space that is not there; what it did until then still helps.
const fold = (store: Store): void => {
  try {
    store.checkpoint()
  } catch (error) {
    if (isDamage(error)) throw error
  }
}

const deleteOldest = (store: Store, limit: number, wanted: (oldest: RowSize) => boolean): RowSize[] => {
  const oldest = store.oldest(limit + 1)
  const newest = oldest.length <= limit ? oldest.length - 1 : limit
  const keep = oldest.findIndex((row, index) => index >= newest || !wanted(row))
  const gone = keep < 0 ? [] : oldest.slice(0, keep)
  const last = gone.at(-1)
  if (last !== undefined) store.deleteThrough(last.row)
  return gone
}

const usedBytes = (store: Store): number => {
  const { total, free, pageBytes } = store.pages()
  return (total - free) * pageBytes
}
