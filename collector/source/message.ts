import { decodeMessage } from '../../proxy/events/codec.ts'
import type { Batch, ProxyEvent } from '../../proxy/events/contract.ts'
import type { Incoming } from '../../proxy/kafka/consumer.ts'
import { openDelta } from '../delta.ts'
import { deadLetterKey, type Folded, fold } from '../fold.ts'
import type { State } from '../state/memory.ts'

/** What a message is folded into. */
export type Sink = {
  fold(batch: Batch): Folded
  /** Counts something beside the facts, for ever and in the tick of `at`. */
  count(key: string, at: number): void
}

/** A state in memory as a sink. */
export const memorySink = (state: State): Sink => ({
  fold: (batch) => fold(state, batch),
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

export type FoldedMessage = {
  /** What could not be read: all of it, or a fact in it; null when it was well. */
  readonly broken: 'message' | 'fact' | null
  readonly events: readonly ProxyEvent[]
  readonly repeated: number
}

/** Folds a message of `mtscope.events`, the same way whoever does it and whenever. */
export const foldMessage = (sink: Sink, { value, at }: Pick<Incoming, 'value' | 'at'>): FoldedMessage => {
  const decoded = decodeMessage(String(value ?? ''))
  const broken = 'error' in decoded ? 'message' : decoded.unreadable.length > 0 ? 'fact' : null
  if (broken !== null) sink.count(deadLetterKey(broken), at)
  if ('error' in decoded) return { broken, events: [], repeated: 0 }
  return { broken, events: decoded.events, repeated: sink.fold(decoded).repeated }
}
