import type { RowSize, Store, StoreBounds } from './store.ts'

export type Bounds = StoreBounds & { readonly maxAgeMs: number }

// Keeps one call within some ten milliseconds; the next call continues.
const rowsPerRound = 256
const rounds = 64
const agedBytesPerCall = 8 * 2 ** 20
const pagesPerCall = 1024

/**
 * Deletes the oldest rows until both bounds hold, and returns free pages beyond a reserve to the file system. Only the size
 * bound deletes rows after `released`; `forced` gets their number of events. The newest row stays: row numbers must not
 * repeat. A row later than `now` comes from a clock that was ahead, and counts as old as the next row that is not.
 */
export const trimStore = (
  store: Store,
  bounds: Bounds,
  released: number,
  now: number,
  forced: (events: number) => void,
): void => {
  const { maxBytes, maxAgeMs, walBytes } = bounds
  const budget = budgetOf(store, bounds)
  let agedBytes = 0
  /** Rows up to `through` are later than now; `at` is the time of the row after them. */
  let ahead = { through: 0, at: Number.POSITIVE_INFINITY }
  const atOf = ({ row, at }: RowSize): number => {
    if (at <= now) return at
    if (row > ahead.through) ahead = store.nextNotLater(row, now)
    return ahead.at
  }

  for (let round = 0; round < rounds; round++) {
    const over = usedBytes(store) - budget
    let bytes = 0
    const gone = deleteOldest(store, rowsPerRound, (oldest) => {
      const aged =
        oldest.row <= released &&
        (maxAgeMs === 0 || atOf(oldest) < now - maxAgeMs) &&
        agedBytes < agedBytesPerCall
      if (!aged && bytes >= over) return false
      bytes += oldest.bytes
      if (aged) agedBytes += oldest.bytes
      return true
    })
    const taken = gone.filter(({ row }) => row > released).reduce((events, { count }) => events + count, 0)
    if (taken > 0) forced(taken)
    if (gone.length === 0 || (gone.length < rowsPerRound && usedBytes(store) <= budget)) break
  }

  const { free, pageBytes } = store.pages()
  if (free * pageBytes > maxBytes / 8) {
    store.vacuum(Math.min(pagesPerCall, Math.ceil(free - maxBytes / 16 / pageBytes)))
    store.checkpoint() // shrinks the file
  } else if (store.walBytes() > 2 * walBytes) store.checkpoint()
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

/**
 * Bytes for rows: the bound, or what the disk has, minus the write-ahead log and what comes before the next call. On a disk
 * that other programs have filled, the log keeps at least a sixteenth of its bound.
 */
const budgetOf = (store: Store, { maxBytes, walBytes }: Bounds): number =>
  Math.max(
    maxBytes / 16,
    Math.min(maxBytes, store.fileBytes() + store.availableBytes()) - 2 * walBytes - maxBytes / 32,
  )

const usedBytes = (store: Store): number => {
  const { total, free, pageBytes } = store.pages()
  return (total - free) * pageBytes
}
