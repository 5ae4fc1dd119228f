import { encodeEvents, encodeMessage } from '../events/codec.ts'
import { partitionOf } from '../kafka/partition.ts'
import { type Outgoing, type Producer, ProducerClosed } from '../kafka/producer.ts'
import type { Say } from '../say.ts'
import type { LocalLog } from './local.ts'
import type { StoredRow } from './store.ts'

export type Shipped = {
  /** Facts that the brokers acknowledged, since the start. */
  readonly facts: number
  /** Rows that wait. */
  readonly waitingRows: number
  /** Epoch ms of the oldest fact that is under way or waits; null when nothing does. */
  readonly oldestAt: number | null
}

export type Shipper = {
  readonly shipped: Shipped
  /** Waits until everything is shipped, for so long at most; true when it is. Then ships no more. */
  stop(patienceMs: number): Promise<boolean>
}

const name = 'shipper'
// Below the 1 MB that a broker takes by default, whatever compression makes of it.
const sendBytes = 512 * 1024
const messageBytes = 256 * 1024
/** Facts of one send come in a few rows, not each alone: what that costs in latency nobody sees. */
const lingerMs = 50
const keepPlaceMs = 1_000
const lookMs = 1_000

/** One message a row; a row too large for a message is several. */
const messagesOf = ({ node, boot, seq, text }: StoredRow): Outgoing[] => {
  const key = `${node}/${boot}`
  if (text.length <= messageBytes) return [{ key, value: encodeMessage({ node, boot, seq, text }) }]
  const events = JSON.parse(text) as never[]
  if (events.length < 2) return [{ key, value: encodeMessage({ node, boot, seq, text }) }]
  const half = events.length >> 1
  const part = (from: number, to: number): Outgoing[] =>
    messagesOf({ node, boot, seq: seq + from, text: encodeEvents(events.slice(from, to)) } as StoredRow)
  return [...part(0, half), ...part(half, events.length)]
}

/** The rows up to the first of another emitter: one emitter's facts stay in one partition, in order. */
const sameEmitter = (rows: readonly StoredRow[]): readonly StoredRow[] => {
  const [first] = rows
  const other = rows.findIndex(({ node, boot }) => node !== first?.node || boot !== first.boot)
  return other < 0 ? rows : rows.slice(0, other)
}

/**
 * Ships the log to Kafka: row after row, as text, and lets go what was acknowledged. It begins where it stood when the
 * last process ended; what was sent and not yet noted then comes twice, and its (node, boot, seq) tells. An outage lasts
 * as long as it lasts: the log is the buffer, and its bounds hold.
 */
export const startShipper = (
  log: Pick<LocalLog, 'rows' | 'lastRow' | 'tail' | 'release' | 'saveSnapshot' | 'loadSnapshot'>,
  producer: Pick<Producer, 'partitions' | 'send'>,
  say: Say,
): Shipper => {
  let row = log.loadSnapshot(name)?.row ?? 0
  let facts = 0
  let oldestAt: number | null = null
  let stopping = false
  let keptAt = 0
  let keptRow = row
  let wake = Promise.withResolvers<void>()
  log.release(name, row)
  const fresh = log.tail(Number.MAX_SAFE_INTEGER, () => wake.resolve())

  const keepPlace = (): void => {
    if (row === keptRow) return
    keptAt = performance.now()
    if (log.saveSnapshot(name, row, '')) keptRow = row
    log.release(name, keptRow)
  }

  /** Sends the next rows; false when there are none. */
  const shipSome = async (): Promise<boolean> => {
    const rows = sameEmitter(log.rows(row, sendBytes))
    const [first] = rows
    if (first === undefined) return false
    oldestAt = first.at
    const partition = partitionOf(`${first.node}/${first.boot}`, await producer.partitions())
    await producer.send(partition, rows.flatMap(messagesOf))
    for (const { count } of rows) facts += count
    row = rows.at(-1)!.row
    if (performance.now() - keptAt > keepPlaceMs) keepPlace()
    return true
  }

  const pause = async (): Promise<void> => {
    oldestAt = null
    keepPlace()
    const look = setTimeout(wake.resolve, lookMs).unref()
    await wake.promise
    clearTimeout(look)
    wake = Promise.withResolvers()
    if (!stopping) await new Promise((resolve) => setTimeout(resolve, lingerMs).unref())
  }

  /** One step; false when there was nothing to do. What cannot be read or sent now is tried again. */
  const step = async (): Promise<boolean> => {
    try {
      return await shipSome()
    } catch (error) {
      if (error instanceof ProducerClosed) throw error
      say('error', 'ship-failed', { why: error instanceof Error ? error.message : String(error) })
      return false
    }
  }

  const running = (async () => {
    try {
      for (;;) {
        if (await step()) continue
        if (stopping) return true
        await pause()
      }
    } catch {
      return false // closed: the rest stays in the log for the next start
    } finally {
      fresh.stop()
      keepPlace()
    }
  })()

  return {
    get shipped() {
      return { facts, waitingRows: Math.max(0, log.lastRow - row), oldestAt }
    },
    stop: async (patienceMs) => {
      stopping = true
      wake.resolve()
      const patience = Promise.withResolvers<boolean>()
      const timer = setTimeout(() => patience.resolve(false), patienceMs)
      const done = await Promise.race([running, patience.promise])
      clearTimeout(timer)
      return done
    },
  }
}
