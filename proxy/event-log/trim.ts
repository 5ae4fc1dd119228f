import type { RowSize, Store, StoreBounds } from './store.ts'

export type Bounds = StoreBounds & { readonly maxAgeMs: number }

// So that one call stays within some ten milliseconds; what is too old beyond it goes at the next.
const rowsAtOnce = 256
const rounds = 64
const agedBytesAtOnce = 8 * 2 ** 20
const pagesAtOnce = 1024

/**
 * Deletes the oldest rows until both bounds hold, and gives back what has become free beyond a reserve for new rows.
 * Only the size bound takes rows after `released`, and tells `forced` how many facts were in them. The newest row
 * always stays, so that no row number is given twice. A row that is later than `now` comes from a clock that was ahead: it
 * is as old as the next one that is not.
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
  /** Of the rows up to here, that are all later than now, the age is that of the one behind them. */
  let ahead = { through: 0, at: Number.POSITIVE_INFINITY }
  const atOf = ({ row, at }: RowSize): number => {
    if (at <= now) return at
    if (row > ahead.through) ahead = store.nextNotLater(row, now)
    return ahead.at
  }

  for (let round = 0; round < rounds; round++) {
    const over = usedBytes(store) - budget
    let bytes = 0
    const gone = deleteOldest(store, rowsAtOnce, (oldest) => {
      const aged =
        oldest.row <= released &&
        (maxAgeMs === 0 || atOf(oldest) < now - maxAgeMs) &&
        agedBytes < agedBytesAtOnce
      if (!aged && bytes >= over) return false
      bytes += oldest.bytes
      if (aged) agedBytes += oldest.bytes
      return true
    })
    const taken = gone.filter(({ row }) => row > released).reduce((events, { count }) => events + count, 0)
    if (taken > 0) forced(taken)
    if (gone.length === 0 || (gone.length < rowsAtOnce && usedBytes(store) <= budget)) break
  }

  const { free, pageBytes } = store.pages()
  if (free * pageBytes > maxBytes / 8) {
    store.vacuum(Math.min(pagesAtOnce, Math.ceil(free - maxBytes / 16 / pageBytes)))
    store.checkpoint() // only then the file shrinks
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
 * Bytes that rows may take: what the bound leaves beside the write-ahead log and what comes before the next look. The
 * log does not fill its disk either, but a disk that others have filled takes no more of it than to a sixteenth.
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
