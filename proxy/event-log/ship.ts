import { encodeEvents, encodeMessage } from '../events/codec.ts'
import type { Position, ProxyEvent } from '../events/contract.ts'
import { partitionOf } from '../kafka/partition.ts'
import { type Outgoing, type Producer, ProducerClosed, TooLarge } from '../kafka/producer.ts'
import type { Logger } from '../logger/logger.ts'
import type { LocalLog, Snapshot } from './event-log.ts'
import type { StoredRow } from './store.ts'

export type Shipped = {
  /** Facts that the brokers acknowledged, since the start. */
  readonly events: number
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

/** What one message carries: a row, or a part of one that is too large. */
type Piece = Position & { readonly count: number; readonly at: number; readonly text: string }

const eventsOf = (text: string): readonly unknown[] => {
  try {
    const events: unknown = JSON.parse(text)
    return Array.isArray(events) ? events : []
  } catch {
    return [] // damaged on disk; who reads the message says so
  }
}

/** The facts of a piece as two; null when they are one, or cannot be told apart. */
const halvesOf = ({ node, boot, seq, at, text }: Piece): readonly [Piece, Piece] | null => {
  const whole = eventsOf(text)
  const middle = whole.length >> 1
  if (middle === 0) return null
  const part = (from: number, to: number): Piece => {
    const events = whole.slice(from, to)
    return { node, boot, seq: seq + from, at, count: events.length, text: JSON.stringify(events) }
  }
  return [part(0, middle), part(middle, whole.length)]
}

const piecesOf = (piece: Piece): readonly Piece[] =>
  piece.text.length <= messageBytes ? [piece] : (halvesOf(piece)?.flatMap(piecesOf) ?? [piece])

const keyOf = ({ node, boot }: Position): string => `${node}/${boot}`

/** The rows up to the first of another emitter: one emitter's facts stay in one partition, in order. */
const sameEmitter = (rows: readonly StoredRow[]): readonly StoredRow[] => {
  const [first] = rows
  const other = rows.findIndex(({ node, boot }) => node !== first?.node || boot !== first.boot)
  return other < 0 ? rows : rows.slice(0, other)
}

/** The emitter that was shipped last, and where to: a topic that gets more partitions tears no boot in two. */
type Pinned = { readonly key: string; readonly partition: number }

const pinnedOf = (kept: Snapshot | null): Pinned => {
  const [partition = '', key = ''] = String(kept?.value ?? '').split(' ', 2)
  return { key, partition: Number(partition) }
}

/**
 * Ships the log to Kafka: row after row, as text, and lets go what was acknowledged. It begins where it stood when the
 * last process ended; what was sent and not yet noted then comes twice, and its (node, boot, seq) tells. An outage lasts
 * as long as it lasts: the log is the buffer, and its bounds hold.
 */
export const startShipper = (
  log: Pick<LocalLog, 'rows' | 'lastRow' | 'tail' | 'release' | 'saveSnapshot' | 'loadSnapshot'>,
  producer: Pick<Producer, 'partitions' | 'send'>,
  logger: Logger,
): Shipper => {
  const kept = log.loadSnapshot(name)
  let row = kept?.row ?? 0
  let pinned = pinnedOf(kept)
  let events = 0
  let oldestAt: number | null = null
  let stopping = false
  let keptAt = 0
  let keptRow = row
  let trouble = ''
  let wake = Promise.withResolvers<void>()
  log.release(name, row)
  const fresh = log.tail(Number.MAX_SAFE_INTEGER, () => wake.resolve())

  const keepPlace = (): void => {
    keptAt = performance.now()
    if (row !== keptRow && log.saveSnapshot(name, row, `${pinned.partition} ${pinned.key}`)) keptRow = row
  }

  const partitionFor = async (key: string): Promise<number> => {
    const partitions = await producer.partitions()
    if (pinned.key !== key || pinned.partition >= partitions) {
      pinned = { key, partition: partitionOf(key, partitions) }
    }
    return pinned.partition
  }

  /** In halves when it is too large. In the place of one fact that no broker takes goes the news of its loss. */
  const send = async (partition: number, pieces: readonly Piece[]): Promise<void> => {
    const messages = pieces.map((piece): Outgoing => ({ key: keyOf(piece), value: encodeMessage(piece) }))
    try {
      await producer.send(partition, messages)
    } catch (error) {
      const [first] = pieces
      if (!(error instanceof TooLarge) || first === undefined) throw error
      const middle = pieces.length >> 1
      const halves =
        middle > 0 ? [pieces.slice(0, middle), pieces.slice(middle)] : halvesOf(first)?.map((half) => [half])
      for (const half of halves ?? [[lossOf(first)]]) await send(partition, half)
      return
    }
    for (const { count } of pieces) events += count
  }

  const lossOf = ({ count, at, ...place }: Piece): Piece => {
    logger('error', 'fact-too-large', { events: count, hint: 'raise message.max.bytes of the brokers' })
    const lost: ProxyEvent = { v: 1, type: 'events.lost', at, reason: 'unreadable', count }
    return { ...place, at, count, text: encodeEvents([lost]) }
  }

  /** Sends the next rows; false when there are none. */
  const shipSome = async (): Promise<boolean> => {
    const rows = sameEmitter(log.rows(row, sendBytes))
    const [first] = rows
    const last = rows.at(-1)
    oldestAt = first?.at ?? null
    if (first === undefined || last === undefined) return false
    await send(await partitionFor(keyOf(first)), rows.flatMap(piecesOf))
    row = last.row
    // At once, saved or not: a place before rows that are gone is as good, and a full disk needs them gone.
    log.release(name, row)
    if (performance.now() - keptAt > keepPlaceMs) keepPlace()
    return true
  }

  const pause = async (): Promise<void> => {
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
      const some = await shipSome()
      trouble = ''
      return some
    } catch (error) {
      if (error instanceof ProducerClosed) throw error
      const why = error instanceof Error ? error.message : String(error)
      if (why !== trouble) logger('error', 'ship-failed', { why, hint: 'tries again by itself' })
      trouble = why
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
      return { events, waitingRows: Math.max(0, log.lastRow - row), oldestAt }
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
