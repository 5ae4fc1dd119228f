import { earliest } from '../../proxy/event-log/patient-clock.ts'
import type { Batch } from '../../proxy/events/contract.ts'
import { asClaimed, type Dating, dated } from './dating.ts'
import { type Delta, openDelta } from './delta.ts'
import { nodeOf, placeFor } from './emitters.ts'
import { connections } from './projections/connections.ts'
import { datacenters } from './projections/datacenters.ts'
import { nodeKeys, processes, processKeys } from './projections/processes.ts'
import { rejections } from './projections/rejections.ts'
import { replays } from './projections/replays.ts'
import type { State } from './state.ts'

export const foldKeys = {
  /** Sequence numbers that never came, and those of them that an `events.lost` accounts for. */
  gaps: 'holes',
  reported: 'holes.told',
  /** Events whose claim of a time was not believed. */
  redated: 'redated',
  /** Events of emitters that found no place. */
  refused: 'emitters.refused',
} as const

/** What was wrong with messages kept aside: a batch of them that could not be opened, a whole message, or an event in it. */
export const deadLetterReasons = ['batch', 'message', 'fact'] as const
export type DeadLetterReason = (typeof deadLetterReasons)[number]
export const deadLetterKey = (reason: DeadLetterReason): string => `dead-letters/${reason}`

/** Why the log of a partition is not the one that was folded: another cluster, a topic made again, or one that lost its end. */
export const replacedReasons = ['cluster', 'topic', 'truncated'] as const
export type ReplacedReason = (typeof replacedReasons)[number]
export const replacedKey = (why: ReplacedReason): string => `topic-replaced/${why}`

/** What became of a batch: facts folded, and facts dropped because they were folded before. */
export type Folded = { readonly folded: number; readonly repeated: number }

const projections = [connections, datacenters, rejections, processes, replays]

/**
 * Folds a batch into the state, exactly once: `(node, boot)` has a highest `seq`, what lies at or below it was
 * here before, and what is missing above it is a hole. The first batch of an emitter may begin anywhere, for the
 * log lets old rows go. Facts of one emitter must come in its order, repeats and cuts of batches may be any. `dating`
 * corrects the times that the events claim. An emitter that finds no place is not folded.
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
  const place = standing === undefined ? placeFor(state.emitters, node, endsAt) : ''
  if (place === null) return refuse(state, batch, endsAt)
  const next = standing?.next ?? seq
  const repeated = Math.min(events.length, Math.max(0, next - seq))
  const folded = events.length - repeated
  if (folded === 0) return { folded, repeated }

  const { delta, tally, moveTo } = openDelta(node, boot)
  if (place !== '') forget(state, delta, place, node)
  let redated = 0
  let latest = Math.min(standing?.at ?? -Infinity, dating.latest)
  // At the time of the fact that ends it, so that it falls into the same tick however the batch is cut.
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

/** Counts what is not folded: no totals but these are touched. */
const refuse = (state: Pick<State, 'apply'>, { node, boot, events }: Batch, at: number): Folded => {
  const { delta, tally, moveTo } = openDelta(node, boot)
  moveTo(at)
  tally.ever(foldKeys.refused, events.length)
  tally.tick(foldKeys.refused, events.length)
  state.apply({ ...delta, since: Infinity }, '', null)
  return { folded: 0, repeated: 0 }
}

/** An emitter goes for one of `node`, and with the last one of a node what was said of that. */
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

/** A thread that was held up tells its facts late: only beyond this the clock itself went back. */
const stepBackMs = 60_000

/**
 * The same for the log of this host, which has no other clock than the events: a batch from before what came before it
 * shows that the clock was set back, and that what the state dates later is not so. The same at every fold of the log.
 */
export const foldRow = (state: State, batch: Batch): Folded => {
  const at = batch.events.at(-1)?.at ?? Number.NaN
  const isNew =
    batch.seq + batch.events.length > (state.emitters.get(`${batch.node}/${batch.boot}`)?.next ?? 0)
  if (isNew && at >= earliest && state.latest - at > stepBackMs) state.rewind(at)
  return fold(state, batch, { ...asClaimed, known: state.latest })
}

// The codec puts one fact in place of an unreadable row, so that one of its numbers is filled.
const gapsOf = (reason: string, count: number): number => (reason === 'unreadable' ? count - 1 : count)

/** Losses by reason. A hole that an `events.lost` accounts for is counted under its reason, never twice. */
export const lostBy = (state: Pick<State, 'bucket'>): Record<string, number> => {
  const ever = state.bucket('ever', 0)
  const prefix = `${processKeys.lost}/`
  const lost: Record<string, number> = {}
  for (const [key, n] of ever) if (key.startsWith(prefix)) lost[key.slice(prefix.length)] = n
  const unexplained = (ever.get(foldKeys.gaps) ?? 0) - (ever.get(foldKeys.reported) ?? 0)
  if (unexplained > 0) lost.unexplained = unexplained
  return lost
}
