import type { LocalLog, Snapshot } from '../../../proxy/event-log/event-log.ts'
import { startShipper } from '../../../proxy/event-log/ship.ts'
import { encodeEvents } from '../../../proxy/events/codec.ts'
import type { ProxyEvent } from '../../../proxy/events/contract.ts'
import type { Producer } from '../../../proxy/kafka/producer.ts'

type ShippedLog = Parameters<typeof startShipper>[0]
type StoredRow = ReturnType<LocalLog['rows']>[number]

/** One emitter: events become rows in memory, which the shipper of the proxy encodes and sends. */
export type Emitter = {
  append(events: readonly ProxyEvent[]): void
  /** Ships every row. Throws if rows remain. */
  ship(producer: Producer): Promise<void>
  /** Events of the acknowledged rows. */
  readonly events: number
  /** Bytes of their texts, as the event log of a proxy has them. */
  readonly textBytes: number
}

const shipMs = 120_000

export const createEmitter = (node: string, boot: string): Emitter => {
  let rows: StoredRow[] = []
  let [lastRow, seq, events, textBytes] = [0, 1, 0, 0]
  let kept: Snapshot | null = null
  const log: ShippedLog = {
    get lastRow() {
      return lastRow
    },
    rows: (after, bytes) => {
      let size = 0
      const waiting = rows.filter(({ row }) => row > after)
      const end = waiting.findIndex(({ text }) => {
        size += text.length
        return size >= bytes
      })
      return end < 0 ? waiting : waiting.slice(0, end + 1)
    },
    tail: () => ({ stop: () => {}, caughtUp: Promise.resolve() }),
    release: (_, row) => {
      rows = rows.filter((one) => one.row > row)
    },
    saveSnapshot: (_, row, value) => {
      kept = { row, value }
      return true
    },
    loadSnapshot: () => kept,
  }
  return {
    append: (added) => {
      const [last] = added.slice(-1)
      if (last === undefined) return
      lastRow++
      rows.push({
        row: lastRow,
        at: last.at,
        node,
        boot,
        seq,
        count: added.length,
        text: encodeEvents(added),
      })
      seq += added.length
      textBytes += rows.at(-1)?.text.length ?? 0
    },
    ship: async (producer) => {
      const before = rows.reduce((sum, { count }) => sum + count, 0)
      const shipper = startShipper(log, producer, () => {})
      const isDone = await shipper.stop(shipMs)
      if (!isDone || rows.length > 0) throw new Error(`${node} could not ship ${rows.length} rows`)
      events += before
    },
    get events() {
      return events
    },
    get textBytes() {
      return textBytes
    },
  }
}
