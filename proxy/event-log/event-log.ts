import { randomInt } from 'node:crypto'
import type { Decoded } from '../events/codec.ts'
import type { Batch, LossReason, ProxyEvent } from '../events/contract.ts'
import { type Damage, keepStore } from './keep.ts'
import { patientClock } from './patient-clock.ts'
import type { Snapshot, StoredRow } from './store.ts'
import { createTails, type Tail, type Take } from './tail.ts'
import { trimStore } from './trim.ts'
import { Writer } from './writer.ts'

export type { Snapshot, Tail, Take }

export type LogStats = {
  readonly rows: number
  /** Size on disk, write-ahead log included. */
  readonly bytes: number
  /** Events of this boot. */
  readonly appended: number
  /** Lost events of this boot. */
  readonly lost: Readonly<Record<LossReason, number>>
  /** Epoch ms, or null when the log is empty. */
  readonly oldestAt: number | null
  /** SQLite's message for the last write that failed; null after one that succeeded. */
  readonly failure: string | null
}

export type LocalLog = {
  readonly node: string
  /** New at every open; sorts by time. */
  readonly boot: string
  readonly stats: LogStats
  /** The number of the last row, which may be deleted by now. */
  readonly lastRow: number
  /** The rows after `after`, oldest first: some of them, about `bytes` of text. Empty when there are no more. */
  rows(after: number, bytes: number): StoredRow[]
  /** The rows before `before`, newest first, in the same portions. */
  rowsBack(before: number, bytes: number): StoredRow[]
  /**
   * Appends events as one row and passes them to every live tail. Synchronous; never throws. `text` is `encodeEvents(events)`.
   * `seq` skips `lostBefore` events that a worker dropped; the worker reports them. Events that cannot be written count as
   * `log-full`, and an `events.lost` follows as soon as a write succeeds.
   */
  append(text: string, events: readonly ProxyEvent[], lostBefore?: number): Batch
  /**
   * Passes the batches after row `after` (0: all) to `take`, then live ones. A batch that could not be written comes with
   * the number of the last row that was.
   */
  tail(after: number, take: Take): Tail
  /** `consumer` no longer needs the rows up to `row`. Call it at start as well: only consumers that called it keep rows from deletion. */
  release(consumer: string, row: number): void
  /** Stores a state and the row it belongs to in one transaction. False when that failed: do not release the row then. */
  saveSnapshot(name: string, row: number, value: Uint8Array | string): boolean
  loadSnapshot(name: string): Snapshot | null
  /**
   * Deletes released rows that are too old, and the oldest rows while the log is too large. Call it every few seconds. Tests
   * pass `now`; without it a clock that has just jumped ahead deletes nothing.
   */
  trim(now?: number): void
  /** Checkpoints the write-ahead log and releases DATA_DIR. May be called again. */
  close(): void
  [Symbol.dispose](): void
}

export type LogOptions = {
  readonly dataDir: string
  readonly node: string
  /** Bound of the size on disk, write-ahead log included; at least 1 MiB. */
  readonly maxBytes: number
  readonly maxAgeMs: number
  readonly now: () => number
  /** Ms, of a monotonic clock. */
  readonly steady?: () => number
  /** Called when a damaged file was replaced by a new event log. */
  readonly report?: (damage: Damage) => void
}

/** Opens the event log of DATA_DIR for this process alone. Throws a LogError. */
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
  const tails = createTails(
    (after, bytes) => keeper.with((store) => store.page(after, bytes)),
    unreadableOnce((count) => {
      writer.lost.unreadable += count
    }),
  )
  const writer = new Writer({ keeper, node, boot, now, deliver: tails.deliver })
  const released = new Map<string, number>()
  const releasedByAll = (): number => Math.min(writer.lastRow, ...released.values())
  let untrimmed = 0 // characters appended since the last trim

  const trim = (at: number = patient()): void => {
    untrimmed = 0
    // On a full disk SQLite cannot delete: that needs space in the write-ahead log. A file whose rows all consumers have
    // released can be replaced as a whole.
    const full = writer.failure !== null && !writer.closed
    if (full && writer.lastRow > 0 && released.size > 0 && releasedByAll() >= writer.lastRow) keeper.renew()
    writer.attempt((store) =>
      trimStore(store, bounds, releasedByAll(), at, (events) => writer.lose('log-bounds', events)),
    )
    writer.reportLosses()
  }

  const close = (): void => {
    if (writer.closed) return
    writer.reportLosses()
    tails.stopAll()
    writer.attempt((store) => store.checkpoint())
    writer.close()
    keeper.close()
  }

  return {
    node,
    boot,
    get stats() {
      return statsOf(writer)
    },
    get lastRow() {
      return writer.lastRow
    },
    rows: (after, bytes) => (writer.closed ? [] : keeper.with((store) => store.page(after, bytes))),
    rowsBack: (before, bytes) => (writer.closed ? [] : keeper.with((store) => store.pageBack(before, bytes))),
    append: (text, events, lostBefore = 0) => {
      const batch = writer.append(text, events, lostBefore)
      untrimmed += text.length
      if (untrimmed > size / 64) trim()
      return batch
    },
    tail: tails.add,
    release: (consumer, row) => {
      released.set(consumer, row)
    },
    saveSnapshot: (name, row, value) =>
      writer.attempt((store) => store.saveSnapshot(name, row, value, Math.trunc(now()))),
    loadSnapshot: (name) => keeper.with((store) => store.loadSnapshot(name)),
    trim,
    close,
    [Symbol.dispose]: close,
  }
}

/** Counts the unreadable events of each row once, however many tails read it. */
const unreadableOnce = (count: (events: number) => void): ((batch: Decoded, row: number) => void) => {
  let through = 0
  return ({ unreadable }, row) => {
    if (row <= through) return
    through = row
    for (const { count: events } of unreadable) count(events)
  }
}

const statsOf = (writer: Writer): LogStats => {
  const read = { rows: 0, bytes: 0, oldestAt: null as number | null }
  writer.attempt((store) => {
    read.bytes = store.fileBytes()
    const [first] = store.oldest(1)
    if (first === undefined) return
    read.rows = writer.lastRow - first.row + 1
    read.oldestAt = first.at
  })
  return { ...read, appended: writer.appended, lost: { ...writer.lost }, failure: writer.failure }
}

const newBoot = (now: number): string => {
  const digits = (value: number, length: number): string => value.toString(36).padStart(length, '0')
  return digits(Math.trunc(now), 9) + digits(randomInt(36 ** 4), 4)
}

const warn = ({ reason, movedTo }: Damage): void =>
  process.emitWarning(`The event log is damaged (${reason}): moved it to ${movedTo} and started a new one`)
