import { readLog } from '../../proxy/event-log/read.ts'
import type { Batch } from '../../proxy/events/contract.ts'
import { foldRow } from '../fold/fold.ts'
import { readSnapshot } from '../fold/snapshot.ts'
import { createMemoryState, type State } from '../fold/state.ts'
import { consumer } from '../source/local.ts'

/** An event log read in pages: `page` returns the batches after a row, none at the end. */
export type History = { page(after: number): readonly { readonly batch: Batch; readonly row: number }[] }

export type Rebuilt = {
  readonly state: State
  readonly events: number
  /** First and last row folded, 0 when there was none. */
  readonly rows: readonly [number, number]
}

/** Folds the event log from its first row up to and including row `through`. */
export const rebuild = (log: History, through = Number.POSITIVE_INFINITY): Rebuilt => {
  const state = createMemoryState()
  let events = 0
  let [first, last] = [0, 0]
  for (let rows = log.page(0); rows.length > 0; rows = log.page(last)) {
    for (const { batch, row } of rows) {
      if (row > through) return { state, events, rows: [first, last] }
      events += foldRow(state, batch).folded
      if (first === 0) first = row
      last = row
    }
  }
  return { state, events, rows: [first, last] }
}

/** Null when the snapshots of both states as of `now` are equal byte for byte; else the text around the first difference. */
export const difference = (a: State, b: State, now: number): string | null => {
  a.expire(now)
  b.expire(now)
  const [one, other] = [a.snapshot(), b.snapshot()]
  if (one === other) return null
  let at = 0
  while (one[at] === other[at]) at++
  const around = (text: string): string => text.slice(Math.max(0, at - 60), at + 40)
  return `${around(one)} ≠ ${around(other)}`
}

export type Verified = {
  readonly events: number
  readonly rows: readonly [number, number]
  /** Whether the log still has its first row ever; without it a difference is expected. */
  readonly whole: boolean
  readonly difference: string | null
}

/** The event log exists, but it has no snapshot to compare with. */
export class NoSnapshot extends Error {}

/**
 * Compares the collector's snapshot in DATA_DIR with a fold of the event log from nothing to the same row. Another process
 * may use the log meanwhile. Throws NoSnapshot, and the errors of `readLog`.
 */
export const verify = (dataDir: string, now: number): Verified => {
  using log = readLog(dataDir)
  const saved = log.loadSnapshot(consumer)
  if (saved === null)
    throw new NoSnapshot(`DATA_DIR=${dataDir} has no snapshot of the collector yet: try again in a minute`)
  const read = readSnapshot(saved.value)
  if ('unusable' in read)
    throw new NoSnapshot(`DATA_DIR=${dataDir} has a snapshot that cannot be used: ${read.unusable}`)
  const { state, events, rows } = rebuild(log, saved.row)
  return { events, rows, whole: rows[0] === 1, difference: difference(createMemoryState(read), state, now) }
}
