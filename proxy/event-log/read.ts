import { type Decoded, decodeBatch } from '../events/codec.ts'
import { openStoreToRead, type Snapshot } from './store.ts'

export type LogReader = {
  /** The batches after row `after` (0: the first), oldest first, some at a time; empty when there are no more. */
  page(after: number): { readonly batch: Decoded; readonly row: number }[]
  loadSnapshot(name: string): Snapshot | null
  close(): void
  [Symbol.dispose](): void
}

/** Reads the log of DATA_DIR without writing: from another process while its own one writes, or from none. Throws what `openStoreToRead` does. */
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
