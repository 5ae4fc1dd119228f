import { descriptorMarks } from '../../net/epoll/marks.ts'

/** Memory in which a thread writes what the main thread has to know if it dies. */
export type Ledger = {
  /** How many events it has emitted, modulo 2^32. */
  readonly emitted: SharedArrayBuffer
  /** See `marks.ts`. */
  readonly descriptors: SharedArrayBuffer
}

export const newLedger = (): Ledger => ({
  emitted: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
  descriptors: descriptorMarks(),
})

/** How many events a thread has emitted beyond the first `received`. */
export const unreceived = ({ emitted }: Ledger, received: number): number =>
  (new Int32Array(emitted)[0]! - received) >>> 0
