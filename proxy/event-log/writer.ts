import { encodeEvents } from '../events/codec.ts'
import type { Batch, LossReason, ProxyEvent } from '../events/contract.ts'
import { type Keeper, reason } from './keep.ts'
import type { Store } from './store.ts'

type Options = {
  readonly keeper: Keeper
  readonly node: string
  readonly boot: string
  /** Epoch, ms. */
  readonly now: () => number
  /** Gets each batch, written or not, with the last written row. */
  readonly deliver: (batch: Batch, row: number) => void
}

/** Numbers and writes the batches of one boot, and counts its losses. Never throws after its construction. */
export class Writer {
  lastRow: number
  /** Events of this boot. */
  appended = 0
  /** Why the last write failed; null after one that succeeded. */
  failure: string | null = null
  readonly lost: Record<LossReason, number> = {
    'worker-queue': 0,
    'log-full': 0,
    'log-bounds': 0,
    unreadable: 0,
  }
  readonly #options: Options
  /** Losses that no `events.lost` has reported yet. */
  readonly #unreported = { 'log-bounds': 0, 'log-full': 0 }
  #nextSeq = 1
  #closed = false

  constructor(options: Options) {
    this.#options = options
    this.lastRow = options.keeper.with((store) => store.lastRow())
  }

  /** Runs `write`; false when it failed or the log is closed. */
  attempt(write: (store: Store) => void): boolean {
    if (this.#closed) return false
    try {
      this.#options.keeper.with(write)
      return true
    } catch (error) {
      this.failure = reason(error)
      return false
    }
  }

  append(text: string, events: readonly ProxyEvent[], lostBefore: number): Batch {
    const { node, boot, deliver } = this.#options
    const reported = this.reportLosses()
    this.#nextSeq += lostBefore
    this.lost['worker-queue'] += lostBefore
    const batch = { node, boot, seq: this.#nextSeq, events }
    if (events.length === 0) return batch
    this.#nextSeq += events.length
    this.appended += events.length
    if (!reported || !this.#insert(batch.seq, events.length, text)) this.lose('log-full', events.length)
    deliver(batch, this.lastRow)
    return batch
  }

  /** Counts a loss; the next write that succeeds reports it. */
  lose(why: 'log-bounds' | 'log-full', events: number): void {
    this.lost[why] += events
    this.#unreported[why] += events
  }

  /** Appends an `events.lost` for each unreported loss; false while that fails. */
  reportLosses(): boolean {
    const { node, boot, now, deliver } = this.#options
    for (const why of ['log-bounds', 'log-full'] as const) {
      const count = this.#unreported[why]
      if (count === 0) continue
      const events: ProxyEvent[] = [{ v: 1, type: 'events.lost', at: now(), reason: why, count }]
      if (!this.#insert(this.#nextSeq, 1, encodeEvents(events))) return false
      this.#unreported[why] = 0
      this.appended++
      deliver({ node, boot, seq: this.#nextSeq++, events }, this.lastRow)
    }
    return true
  }

  close(): void {
    this.#closed = true
  }

  get closed(): boolean {
    return this.#closed
  }

  #insert(seq: number, count: number, text: string): boolean {
    const { node, boot, now } = this.#options
    const at = Math.trunc(now())
    const row = this.lastRow + 1
    if (!this.attempt((store) => store.insert({ row, node, boot, seq, count, at, text }))) return false
    this.lastRow = row
    this.failure = null
    return true
  }
}
