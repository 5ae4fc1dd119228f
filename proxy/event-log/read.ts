import { type Decoded, decodeBatch } from '../events/codec.ts'
import { openStoreToRead, type Snapshot } from './store.ts'

export type LogReader = {
  /** Some of the batches after row `after` (0: from the first), oldest first. Empty when there are no more. */
  page(after: number): { readonly batch: Decoded; readonly row: number }[]
  loadSnapshot(name: string): Snapshot | null
  close(): void
  [Symbol.dispose](): void
}

/** Reads the event log of DATA_DIR without writing, whether or not a proxy is running on it. Throws what `openStoreToRead` throws. */
export const readLog = (dataDir: string): LogReader => {
  const store = openStoreToRead(dataDir)
  return {
    page: (after) =>
      store.page(after, 256 * 1024).map((stored) => ({ batch: decodeBatch(stored), row: stored.row })),
    loadSnapshot: store.loadSnapshot,
    close: store.close,
    [Symbol.dispose]: store.close,
  }
}
