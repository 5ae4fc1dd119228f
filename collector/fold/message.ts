import { decodeMessage } from '../../proxy/events/codec.ts'
import type { Batch } from '../../proxy/events/contract.ts'
import type { Incoming } from '../../proxy/kafka/consumer.ts'
import { type Dating, datingOf } from './dating.ts'
import { openDelta } from './delta.ts'
import { type DeadLetterReason, deadLetterKey, type Folded, fold } from './fold.ts'
import type { State } from './state.ts'

/** What a message is folded into. */
export type Sink = {
  fold(batch: Batch, dating: Dating): Folded
  /** Counts something beside the facts, for ever and in the tick of `at`. */
  count(key: string, at: number): void
}

/** A state in memory as a sink. */
export const memorySink = (state: State): Sink => ({
  fold: (batch, dating) => fold(state, batch, dating),
  count: (key, at) => {
    state.merge(counted(key, at), new Map())
  },
})

/** One more of something. */
export const counted = (key: string, at: number) => {
  const { delta, tally, moveTo } = openDelta('', '')
  moveTo(at)
  tally.ever(key, 1)
  tally.tick(key, 1)
  return { ...delta, since: Infinity }
}

/** A message is folded so many events at a time: what one call writes has a bound, however long the message is. */
export const eventsAtOnce = 256

export type OpenedMessage = {
  /** What could not be read; null when all was read. */
  readonly broken: DeadLetterReason | null
  /** The events, cut at the same places whoever folds them and whenever. */
  readonly batches: readonly Batch[]
}

const cut = ({ node, boot, seq, events }: Batch): Batch[] =>
  Array.from({ length: Math.ceil(events.length / eventsAtOnce) }, (_, i) => {
    const from = i * eventsAtOnce
    return { node, boot, seq: seq + from, events: events.slice(from, from + eventsAtOnce) }
  })

/** Reads a message of `mtscope.events`. Never throws. */
export const openMessage = ({ value, unreadable }: Pick<Incoming, 'value' | 'unreadable'>): OpenedMessage => {
  if (unreadable !== undefined) return { broken: 'batch', batches: [] }
  const decoded = decodeMessage(String(value ?? ''))
  if ('error' in decoded) return { broken: 'message', batches: [] }
  return { broken: decoded.unreadable.length > 0 ? 'fact' : null, batches: cut(decoded) }
}

/** Folds a message in one stroke; how many events it had. */
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
