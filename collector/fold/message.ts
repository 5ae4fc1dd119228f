import { decodeMessage } from '../../proxy/events/codec.ts'
import type { Batch } from '../../proxy/events/contract.ts'
import type { Incoming } from '../../proxy/kafka/consumer.ts'
import { type Dating, datingOf } from './dating.ts'
import { openDelta } from './delta.ts'
import { type DeadLetterReason, deadLetterKey, type Folded, fold } from './fold.ts'
import type { State } from './state.ts'

/** The target of a fold: a state in memory, or a partition in Redis. */
export type Sink = {
  fold(batch: Batch, dating: Dating): Folded
  /** Adds one under a key that no event counts, to the total and to the tick of `at` (epoch ms). */
  count(key: string, at: number): void
}

/** A state in memory as a sink. */
export const memorySink = (state: State): Sink => ({
  fold: (batch, dating) => fold(state, batch, dating),
  count: (key, at) => {
    state.merge(counted(key, at), new Map())
  },
})

/** The delta that adds one under `key`, to the total and to the tick of `at` (epoch ms). */
export const counted = (key: string, at: number) => {
  const { delta, tally, moveTo } = openDelta('', '')
  moveTo(at)
  tally.ever(key, 1)
  tally.tick(key, 1)
  return { ...delta, since: Infinity }
}

/** Most events folded in one piece: bounds one write to Redis, however long the message is. */
export const eventsPerPiece = 256

export type OpenedMessage = {
  /** The unit that could not be read; null when everything was readable. */
  readonly broken: DeadLetterReason | null
  /** The events, always cut at the same places. */
  readonly batches: readonly Batch[]
}

const cut = ({ node, boot, seq, events }: Batch): Batch[] =>
  Array.from({ length: Math.ceil(events.length / eventsPerPiece) }, (_, i) => {
    const from = i * eventsPerPiece
    return { node, boot, seq: seq + from, events: events.slice(from, from + eventsPerPiece) }
  })

/** Reads a message of `mtscope.events`. Never throws. */
export const openMessage = ({ value, unreadable }: Pick<Incoming, 'value' | 'unreadable'>): OpenedMessage => {
  if (unreadable !== undefined) return { broken: 'batch', batches: [] }
  const decoded = decodeMessage(String(value ?? ''))
  if ('error' in decoded) return { broken: 'message', batches: [] }
  return { broken: decoded.unreadable.length > 0 ? 'fact' : null, batches: cut(decoded) }
}

/** Folds a whole message; returns its number of events. */
export const foldMessage = (
  sink: Sink,
  message: Pick<Incoming, 'value' | 'at' | 'sentAt' | 'unreadable'>,
): number => {
  const { broken, batches } = openMessage(message)
  const dating = datingOf(message.at, message.sentAt)
  for (const batch of batches) sink.fold(batch, dating)
  if (broken !== null) sink.count(deadLetterKey(broken), message.at)
  return batches.reduce((sum, { events }) => sum + events.length, 0)
}
