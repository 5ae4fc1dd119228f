import { readLog } from '../../proxy/event-log/read.ts'
import type { Batch } from '../../proxy/events/contract.ts'
import { foldRow } from '../fold/fold.ts'
import { readSnapshot } from '../fold/snapshot.ts'
import { createMemoryState, type State } from '../fold/state.ts'
import { consumer } from '../source/local.ts'

/** A log that is read by pages; `page` gives what follows a row, empty at the end. */
export type History = { page(after: number): readonly { readonly batch: Batch; readonly row: number }[] }

export type Rebuilt = {
  readonly state: State
  readonly events: number
  /** First and last row folded, 0 when there was none. */
  readonly rows: readonly [number, number]
}

/** Folds the log again from its first row, up to and with row `through`. */
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

/** Null when both states are equal to the byte as of `now`; else the first place where they differ. */
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
  /** Whether the log still has everything since its first row ever; else a difference is what was let go. */
  readonly whole: boolean
  readonly difference: string | null
}

/** There is a log, but nothing to compare it with. */
export class NoSnapshot extends Error {}

/**
 * Compares the collector's snapshot in DATA_DIR with a fold of the log from zero up to the same row. The log may be in
 * use. Throws an Error when there is no usable snapshot, and what `readLog` throws.
 */
export const verify = (dataDir: string, now: number): Verified => {
  using log = readLog(dataDir)
  const saved = log.loadSnapshot(consumer)
  if (saved === null) throw new NoSnapshot(`There is no snapshot of the collector in DATA_DIR=${dataDir} yet`)
  const read = readSnapshot(saved.value)
  if ('unusable' in read)
    throw new NoSnapshot(`The snapshot in DATA_DIR=${dataDir} cannot be used: ${read.unusable}`)
  const { state, events, rows } = rebuild(log, saved.row)
  return { events, rows, whole: rows[0] === 1, difference: difference(createMemoryState(read), state, now) }
}
