import { randomInt } from 'node:crypto'
import { encodeEvents } from '../events/codec.ts'
import type { Batch, LossReason, ProxyEvent } from '../events/contract.ts'
import { keepStore, reason } from './keep.ts'
import { patientClock } from './patient-clock.ts'
import type { Snapshot, Store, StoredRow } from './store.ts'
import { createTails, type Tail, type Take } from './tail.ts'
import { trimStore } from './trim.ts'

export type { Snapshot, Tail, Take }

export type LogStats = {
  readonly rows: number
  /** Of the file as it is on disk, write-ahead log included. */
  readonly bytes: number
  /** Facts that this boot appended. */
  readonly appended: number
  /** Facts, since this boot. */
  readonly lost: Readonly<Record<LossReason, number>>
  /** Epoch ms, or null when the log is empty. */
  readonly oldestAt: number | null
  /** Why the last write failed, in SQLite's words; null once one has succeeded. */
  readonly failure: string | null
}

export type LocalLog = {
  readonly node: string
  /** New at every open, and sorted by time. */
  readonly boot: string
  readonly stats: LogStats
  /** The last row there is or was. */
  readonly lastRow: number
  /** What is stored after a row, as it is stored: oldest first, some rows at a time, about `bytes` of text. */
  rows(after: number, bytes: number): StoredRow[]
  /** The same before a row, newest first. */
  rowsBack(before: number, bytes: number): StoredRow[]
  /**
   * Appends facts of this process as one row and hands them to every live tail. Synchronous; never throws. `text` is
   * `encodeEvents(events)`. `lostBefore` facts never arrived: `seq` jumps over them, and who dropped them says so by
   * an `events.lost` of its own. When it cannot be written, the facts are counted as `log-full` and told once it can.
   */
  append(text: string, events: readonly ProxyEvent[], lostBefore?: number): Batch
  /** Tells what came after row `after` (0: all there is), then goes on live. A batch that was not written comes with the last row that was. */
  tail(after: number, take: Take): Tail
  /** Rows up to here may go: `consumer` has them. Say where you stand at start, too: who never called holds nothing back. */
  release(consumer: string, row: number): void
  /** State and the row it stands at, in one transaction. False when it could not be written: do not release then. */
  saveSnapshot(name: string, row: number, value: Uint8Array | string): boolean
  loadSnapshot(name: string): Snapshot | null
  /**
   * Deletes what is too old and released, and the oldest when the log is too large. Call it every few seconds; `now` is for
   * tests, else a clock that has just jumped ahead deletes nothing.
   */
  trim(now?: number): void
  /** Folds the write-ahead log back and lets DATA_DIR go. Again and again if you like. */
  close(): void
  [Symbol.dispose](): void
}

export type LogOptions = {
  readonly dataDir: string
  readonly node: string
  /** Of the file on disk with its write-ahead log; less than 1 MiB is taken as 1 MiB. */
  readonly maxBytes: number
  readonly maxAgeMs: number
  readonly now: () => number
  /** Ms, of a clock that is never set. */
  readonly steady?: () => number
  /** Gets one line for an operator when a damaged file had to be replaced. */
  readonly report?: (line: string) => void
}

/** Opens the log of DATA_DIR for this process alone. Throws a LogError with a code and one clear line. */
export const openLog = ({
  dataDir,
  node,
  maxBytes,
  maxAgeMs,
  now,
  steady = () => performance.now(),
  report = warn,
}: LogOptions): LocalLog => {
  const size = Math.max(maxBytes, 2 ** 20)
  const bounds = { maxBytes: size, maxAgeMs, walBytes: Math.min(size / 16, 4 * 2 ** 20) }
  const keeper = keepStore(dataDir, bounds, report)
  const boot = newBoot(now())
  const patient = patientClock(now, steady, keeper.with((store) => store.newestAt()) ?? undefined)
  const released = new Map<string, number>()
  const lost: Record<LossReason, number> = {
    'worker-queue': 0,
    'log-full': 0,
    'log-bounds': 0,
    unreadable: 0,
  }
  let lastRow = keeper.with((store) => store.lastRow())
  let nextSeq = 1
  let appended = 0
  let untrimmed = 0 // characters appended since the size was last looked at
  const untold = { 'log-bounds': 0, 'log-full': 0 } // losses that the next successful write will tell
  let failure: string | null = null
  let unreadableThrough = 0
  let closed = false

  const tails = createTails(
    (after, bytes) => keeper.with((store) => store.page(after, bytes)),
    ({ unreadable }, row) => {
      if (row <= unreadableThrough) return // another tail has met them before
      unreadableThrough = row
      for (const { count } of unreadable) lost.unreadable += count
    },
  )

  const attempt = (write: (store: Store) => void): boolean => {
    if (closed) return false
    try {
      keeper.with(write)
      return true
    } catch (error) {
      failure = reason(error)
      return false
    }
  }

  const insert = (seq: number, count: number, text: string): boolean => {
    const at = Math.trunc(now())
    const write = (store: Store): void => store.insert({ row: lastRow + 1, node, boot, seq, count, at, text })
    if (!attempt(write)) return false
    lastRow++
    failure = null
    return true
  }

  /** Tells the losses that are not told yet; false while they cannot be written. */
  const reportLosses = (): boolean => {
    for (const why of ['log-bounds', 'log-full'] as const) {
      if (untold[why] === 0) continue
      const events: ProxyEvent[] = [{ v: 1, type: 'events.lost', at: now(), reason: why, count: untold[why] }]
      if (!insert(nextSeq, 1, encodeEvents(events))) return false
      untold[why] = 0
      appended++
      tails.deliver({ node, boot, seq: nextSeq++, events }, lastRow)
    }
    return true
  }

  const append = (text: string, events: readonly ProxyEvent[], lostBefore = 0): Batch => {
    const reported = reportLosses()
    nextSeq += lostBefore
    lost['worker-queue'] += lostBefore
    const batch = { node, boot, seq: nextSeq, events }
    if (events.length === 0) return batch
    nextSeq += events.length
    appended += events.length
    if (!reported || !insert(batch.seq, events.length, text)) {
      untold['log-full'] += events.length
      lost['log-full'] += events.length
    }
    tails.deliver(batch, lastRow)
    untrimmed += text.length
    if (untrimmed > size / 64) trim()
    return batch
  }

  const releasedByAll = (): number => Math.min(lastRow, ...released.values())

  const trim = (at: number = patient()): void => {
    untrimmed = 0
    // On a full disk SQLite cannot even delete: that takes room in the write-ahead log. When all has been shipped, the
    // file can go as a whole.
    if (failure !== null && !closed && lastRow > 0 && released.size > 0 && releasedByAll() >= lastRow) {
      keeper.renew()
    }
    attempt((store) =>
      trimStore(store, bounds, releasedByAll(), at, (events) => {
        lost['log-bounds'] += events
        untold['log-bounds'] += events
      }),
    )
    reportLosses()
  }

  const close = (): void => {
    if (closed) return
    reportLosses()
    tails.stopAll()
    attempt((store) => store.checkpoint())
    closed = true
    keeper.close()
  }

  return {
    node,
    boot,
    get stats() {
      const read = { rows: 0, bytes: 0, oldestAt: null as number | null }
      attempt((store) => {
        read.bytes = store.fileBytes()
        const first = store.oldest(1)[0]
        if (first === undefined) return
        read.rows = lastRow - first.row + 1
        read.oldestAt = first.at
      })
      return { ...read, appended, lost: { ...lost }, failure }
    },
    get lastRow() {
      return lastRow
    },
    rows: (after, bytes) => (closed ? [] : keeper.with((store) => store.page(after, bytes))),
    rowsBack: (before, bytes) => (closed ? [] : keeper.with((store) => store.pageBack(before, bytes))),
    append,
    tail: tails.add,
    release: (consumer, row) => {
      released.set(consumer, row)
    },
    saveSnapshot: (name, row, value) =>
      attempt((store) => store.saveSnapshot(name, row, value, Math.trunc(now()))),
    loadSnapshot: (name) => keeper.with((store) => store.loadSnapshot(name)),
    trim,
    close,
    [Symbol.dispose]: close,
  }
}

const newBoot = (now: number): string => {
  const digits = (value: number, length: number): string => value.toString(36).padStart(length, '0')
  return digits(Math.trunc(now), 9) + digits(randomInt(36 ** 4), 4)
}

const warn = (line: string): void => process.emitWarning(line)
