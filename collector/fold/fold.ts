import { earliest } from '../../proxy/event-log/patient-clock.ts'
import type { Batch } from '../../proxy/events/contract.ts'
import { asClaimed, type Dating, dated } from './dating.ts'
import { type Delta, openDelta } from './delta.ts'
import { nodeOf, placeFor } from './emitters.ts'
import { connections } from './projections/connections.ts'
import { datacenters } from './projections/datacenters.ts'
import { middleProxies } from './projections/middle-proxies.ts'
import { nodeKeys, processes, processKeys } from './projections/processes.ts'
import { rejections } from './projections/rejections.ts'
import { replays } from './projections/replays.ts'
import { upstreams } from './projections/upstreams.ts'
import type { State } from './state.ts'

export const foldKeys = {
  /** Sequence numbers that never arrived, and those of them that an `events.lost` reports. */
  gaps: 'holes',
  reported: 'holes.told',
  /** Events whose time was corrected. */
  redated: 'redated',
  /** Events of emitters for which there was no room. */
  refused: 'emitters.refused',
} as const

/** The unreadable unit: a batch of Kafka records, a message, or an event in it. The names are label values of a metric. */
export const deadLetterReasons = ['batch', 'message', 'fact'] as const
export type DeadLetterReason = (typeof deadLetterReasons)[number]
export const deadLetterKey = (reason: DeadLetterReason): string => `dead-letters/${reason}`

/** Why a partition is not the one that was folded: another cluster, a recreated topic, or a log that lost its end. */
export const replacedReasons = ['cluster', 'topic', 'truncated'] as const
export type ReplacedReason = (typeof replacedReasons)[number]
export const replacedKey = (why: ReplacedReason): string => `topic-replaced/${why}`

/** How many events of a batch were folded, and how many skipped because they were folded before. */
export type Folded = { readonly folded: number; readonly repeated: number }

const projections = [connections, datacenters, rejections, processes, replays, middleProxies, upstreams]

/**
 * Folds a batch exactly once: skips events up to the emitter's highest `seq`, counts missing numbers above it as a gap. The
 * first batch of an emitter may start at any `seq`; later ones must come in order, repeated or cut in any way. Only counts
 * the events of an emitter for which there is no room.
 */
export const fold = (
  state: Pick<State, 'emitters' | 'apply'>,
  batch: Batch,
  dating: Dating = asClaimed,
): Folded => {
  const { node, boot, seq, events } = batch
  const emitter = `${node}/${boot}`
  const standing = state.emitters.get(emitter)
  const endsAt = dated(dating, events.at(-1)?.at ?? 0)
  const replaced = standing === undefined ? placeFor(state.emitters, node, endsAt) : ''
  if (replaced === null) return refuse(state, batch, endsAt)
  const next = standing?.next ?? seq
  const repeated = Math.min(events.length, Math.max(0, next - seq))
  const folded = events.length - repeated
  if (folded === 0) return { folded, repeated }

  const { delta, tally, moveTo } = openDelta(node, boot)
  if (replaced !== '') forget(state, delta, replaced, node)
  let redated = 0
  let latest = Math.min(standing?.at ?? -Infinity, dating.latest)
  // A gap has the time of the event that ends it, so that it falls into the same tick however the batch is cut.
  moveTo(dated(dating, events[repeated]!.at))
  if (seq > next) {
    tally.ever(foldKeys.gaps, seq - next)
    tally.tick(foldKeys.gaps, seq - next)
    tally.live(foldKeys.gaps, seq - next)
  }
  for (let index = repeated; index < events.length; index++) {
    const event = events[index]!
    const at = dated(dating, event.at)
    moveTo(at)
    if (at !== event.at) redated++
    latest = Math.max(latest, at)
    tally.tick(processKeys.events, 1)
    for (const project of projections) project(event, tally)
    if (event.type === 'events.lost') {
      tally.ever(foldKeys.reported, gapsOf(event.reason, event.count))
      tally.tick(foldKeys.reported, gapsOf(event.reason, event.count))
    }
  }
  tally.ever(processKeys.events, folded)
  if (redated > 0) tally.ever(foldKeys.redated, redated)
  moveTo(latest)
  tally.recent(processKeys.seen(node), boot)
  state.apply(delta, emitter, { next: seq + events.length, at: latest })
  return { folded, repeated }
}

/** Counts the events of a batch as refused, and changes nothing else. */
const refuse = (state: Pick<State, 'apply'>, { node, boot, events }: Batch, at: number): Folded => {
  const { delta, tally, moveTo } = openDelta(node, boot)
  moveTo(at)
  tally.ever(foldKeys.refused, events.length)
  tally.tick(foldKeys.refused, events.length)
  state.apply({ ...delta, since: Infinity }, '', null)
  return { folded: 0, repeated: 0 }
}

/** Deletes an emitter to make room for one of `node`; with the last emitter of another node, also that node's samples. */
const forget = (
  { emitters }: Pick<State, 'emitters'>,
  { gone }: Delta,
  emitter: string,
  node: string,
): void => {
  gone.emitters.add(emitter)
  const of = nodeOf(emitter)
  if (of === node) return
  for (const other of emitters.keys()) if (other !== emitter && nodeOf(other) === of) return
  for (const key of nodeKeys) gone.recent.add(key(of))
}

/** A blocked thread emits its events late, by less than this; more means that the clock was set back. */
const stepBackMs = 60_000

/**
 * Folds a batch of the local event log, whose only clock is in the events: a batch that is much older than its predecessors
 * shows that the clock was set back, and rewinds the state. The result is the same at every fold of the log.
 */
export const foldRow = (state: State, batch: Batch): Folded => {
  const at = batch.events.at(-1)?.at ?? Number.NaN
  const isNew =
    batch.seq + batch.events.length > (state.emitters.get(`${batch.node}/${batch.boot}`)?.next ?? 0)
  if (isNew && at >= earliest && state.latest - at > stepBackMs) state.rewind(at)
  return fold(state, batch, { ...asClaimed, known: state.latest })
}

// The codec replaces an unreadable row by one event, so that one of its numbers is not missing.
const gapsOf = (reason: string, count: number): number => (reason === 'unreadable' ? count - 1 : count)

/** Lost events by reason. A gap that an `events.lost` reports counts under its reason only; the rest is `unexplained`. */
export const lostBy = (state: Pick<State, 'bucket'>): Record<string, number> => {
  const ever = state.bucket('ever', 0)
  const prefix = `${processKeys.lost}/`
  const lost: Record<string, number> = {}
  for (const [key, n] of ever) if (key.startsWith(prefix)) lost[key.slice(prefix.length)] = n
  const unexplained = (ever.get(foldKeys.gaps) ?? 0) - (ever.get(foldKeys.reported) ?? 0)
  if (unexplained > 0) lost.unexplained = unexplained
  return lost
}
