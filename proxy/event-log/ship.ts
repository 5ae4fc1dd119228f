import { encodeEvents, encodeMessage } from '../events/codec.ts'
import type { Position, ProxyEvent } from '../events/contract.ts'
import { partitionOf } from '../kafka/partition.ts'
import { type Outgoing, type Producer, ProducerClosed, TooLarge } from '../kafka/producer.ts'
import type { Logger } from '../logger/logger.ts'
import type { LocalLog, Snapshot } from './event-log.ts'
import type { StoredRow } from './store.ts'

export type Shipped = {
  /** Events that the brokers acknowledged, since the start. */
  readonly events: number
  /** Rows that are not acknowledged yet. */
  readonly waitingRows: number
  /** Epoch ms of the oldest row that is not acknowledged; null when there is none. */
  readonly oldestAt: number | null
}

export type Shipper = {
  readonly shipped: Shipped
  /** Ships the rest for at most `patienceMs`, then stops. True when everything was shipped. */
  stop(patienceMs: number): Promise<boolean>
}

const name = 'shipper'
// Below the 1 MB that brokers accept by default, even when compression does not help.
const sendBytes = 512 * 1024
const messageBytes = 256 * 1024
/** Collects more events for one send. The added latency is not noticeable. */
const lingerMs = 50
const keepPlaceMs = 1_000
const lookMs = 1_000

/** The content of one message: a row, or a part of a row that is too large. */
type Piece = Position & { readonly count: number; readonly at: number; readonly text: string }

const eventsOf = (text: string): readonly unknown[] => {
  try {
    const events: unknown = JSON.parse(text)
    return Array.isArray(events) ? events : []
  } catch {
    return [] // damaged on disk: the reader of the message reports it
  }
}

/** Splits the events of a piece in two; null when it has one event, or is unreadable. */
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

/** The rows before the first one of another emitter. The events of one emitter stay in one partition, in order. */
const sameEmitter = (rows: readonly StoredRow[]): readonly StoredRow[] => {
  const [first] = rows
  const other = rows.findIndex(({ node, boot }) => node !== first?.node || boot !== first.boot)
  return other < 0 ? rows : rows.slice(0, other)
}

/** The partition of the last emitter. It stays when the topic gets more partitions, so that a boot is in one partition. */
type Pinned = { readonly key: string; readonly partition: number }

const pinnedOf = (kept: Snapshot | null): Pinned => {
  const [partition = '', key = ''] = String(kept?.value ?? '').split(' ', 2)
  return { key, partition: Number(partition) }
}

/** Sends rows of one emitter at a time to its partition. `kept` is the snapshot of the process before. */
const sender = (producer: Pick<Producer, 'partitions' | 'send'>, logger: Logger, kept: Snapshot | null) => {
  let pinned = pinnedOf(kept)
  let events = 0

  const partitionFor = async (key: string): Promise<number> => {
    const partitions = await producer.partitions()
    if (pinned.key !== key || pinned.partition >= partitions) {
      pinned = { key, partition: partitionOf(key, partitions) }
    }
    return pinned.partition
  }

  const lossOf = ({ count, at, ...place }: Piece): Piece => {
    logger('error', 'event-too-large', { events: count, hint: 'raise message.max.bytes of the brokers' })
    const lost: ProxyEvent = { v: 1, type: 'events.lost', at, reason: 'unreadable', count }
    return { ...place, at, count, text: encodeEvents([lost]) }
  }

  /** Sends halves when the pieces are too large. An `events.lost` replaces a single event that no broker accepts. */
  const sendPieces = async (partition: number, pieces: readonly Piece[]): Promise<void> => {
    const messages = pieces.map((piece): Outgoing => ({ key: keyOf(piece), value: encodeMessage(piece) }))
    try {
      await producer.send(partition, messages)
    } catch (error) {
      const [first] = pieces
      if (!(error instanceof TooLarge) || first === undefined) throw error
      const middle = pieces.length >> 1
      const halves =
        middle > 0 ? [pieces.slice(0, middle), pieces.slice(middle)] : halvesOf(first)?.map((half) => [half])
      for (const half of halves ?? [[lossOf(first)]]) await sendPieces(partition, half)
      return
    }
    for (const { count } of pieces) events += count
  }

  return {
    /** Events that the brokers acknowledged. */
    get events() {
      return events
    },
    /** The value of the snapshot. */
    get place() {
      return `${pinned.partition} ${pinned.key}`
    },
    send: async (first: StoredRow, rows: readonly StoredRow[]): Promise<void> =>
      sendPieces(await partitionFor(keyOf(first)), rows.flatMap(piecesOf)),
  }
}

/** Runs `attempt`. When it fails: logs each new error once and returns false, so that the next step tries again. */
const retrying = (attempt: () => Promise<boolean>, logger: Logger) => {
  let lastError = ''
  return async (): Promise<boolean> => {
    try {
      const some = await attempt()
      lastError = ''
      return some
    } catch (error) {
      if (error instanceof ProducerClosed) throw error
      const message = error instanceof Error ? error.message : String(error)
      if (message !== lastError)
        logger('error', 'ship-failed', { error: message, hint: 'mtscope tries again' })
      lastError = message
      return false
    }
  }
}

/** What `work` resolves with, or false after `ms`. */
const within = async (work: Promise<boolean>, ms: number): Promise<boolean> => {
  const patience = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => patience.resolve(false), ms)
  const done = await Promise.race([work, patience.promise])
  clearTimeout(timer)
  return done
}

/**
 * Ships the event log to Kafka, row after row, and releases acknowledged rows. Starts where the process before stood:
 * rows that it sent without noting come twice, with the same (node, boot, seq). While no broker answers, rows stay in the
 * log within its bounds.
 */
export const startShipper = (
  log: Pick<LocalLog, 'rows' | 'lastRow' | 'tail' | 'release' | 'saveSnapshot' | 'loadSnapshot'>,
  producer: Pick<Producer, 'partitions' | 'send'>,
  logger: Logger,
): Shipper => {
  const kept = log.loadSnapshot(name)
  const to = sender(producer, logger, kept)
  let row = kept?.row ?? 0
  let keptRow = row
  let keptAt = 0
  let oldestAt: number | null = null
  let stopping = false
  let wake = Promise.withResolvers<void>()
  log.release(name, row)
  const fresh = log.tail(Number.MAX_SAFE_INTEGER, () => wake.resolve())

  const keepPlace = (): void => {
    keptAt = performance.now()
    if (row !== keptRow && log.saveSnapshot(name, row, to.place)) keptRow = row
  }

  /** Sends the next rows; false when there are none. */
  const shipSome = async (): Promise<boolean> => {
    const rows = sameEmitter(log.rows(row, sendBytes))
    const [first] = rows
    oldestAt = first?.at ?? null
    if (first === undefined) return false
    await to.send(first, rows)
    row = rows.at(-1)!.row
    // Even before the place is saved: a full disk needs the rows deleted, and a place before deleted rows does no harm.
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

  const step = retrying(shipSome, logger)
  const run = async (): Promise<boolean> => {
    try {
      for (;;) {
        if (await step()) continue
        if (stopping) return true
        await pause()
      }
    } catch {
      return false // the producer was closed: the next start ships the rest
    } finally {
      fresh.stop()
      keepPlace()
    }
  }
  const running = run()

  return {
    get shipped() {
      return { events: to.events, waitingRows: Math.max(0, log.lastRow - row), oldestAt }
    },
    stop: (patienceMs) => {
      stopping = true
      wake.resolve()
      return within(running, patienceMs)
    },
  }
}
