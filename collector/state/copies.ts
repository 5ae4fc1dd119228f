import { type Counts, type Delta, nothingGone } from '../fold/delta.ts'
import { endOf } from '../fold/retention.ts'
import type { Standing } from '../fold/snapshot.ts'
import { type Bounds, createMemoryState, type State } from '../fold/state.ts'
import type { Meta, Part, Reach } from './redis-read.ts'
import { bucketName, nameParts } from './redis-text.ts'

type Observations = Extract<Part, { observations: unknown }>['observations']

/** The copy of one partition. */
export type Copy = {
  readonly meta: Meta
  /** At least as far as every part of the copy, which is read key by key while the owner writes. */
  readonly reach: Reach
  readonly counts: Map<string, Counts>
  readonly observations: Map<'recent' | 'lasting', Observations>
  emitters: Map<string, Standing>
}

/** The copies of all partitions, and the state that is their sum. */
export type Copies = { readonly byPartition: Map<number, Copy>; readonly sum: State }

/** Each copy is bounded in Redis. A bound of the sum would leave out keys that the partitions have: the nodes of a large fleet. */
const unbounded: Bounds = {
  keys: { ever: Infinity, month: Infinity, day: Infinity, minute: Infinity, tick: Infinity, boot: Infinity },
  samples: Infinity,
}

/** `steady` is a clock (ms) that is never set. */
export const createCopies = (steady?: () => number): Copies => ({
  byPartition: new Map(),
  sum: createMemoryState(undefined, steady, unbounded),
})

const emptyDelta = (): Delta => ({
  counts: new Map(),
  recent: new Map(),
  lasting: new Map(),
  since: Infinity,
  gone: nothingGone(),
})

/** The amounts that turn `before` into `after`. */
const changeOf = (before: Counts | undefined, after: Counts): Counts => {
  const change: Counts = new Map()
  for (const [key, n] of after) {
    const more = n - (before?.get(key) ?? 0)
    if (more !== 0) change.set(key, more)
  }
  for (const [key, n] of before ?? []) if (!after.has(key)) change.set(key, -n)
  return change
}

const isInAnother = ({ byPartition }: Copies, copy: Copy, has: (other: Copy) => boolean): boolean => {
  for (const other of byPartition.values()) if (other.meta !== copy.meta && has(other)) return true
  return false
}

const updateCounts = (copy: Copy, name: string, counts: Counts, delta: Delta): void => {
  const parts = nameParts(name)
  if (parts === null) return
  const buckets = delta.counts.get(parts.span) ?? new Map()
  delta.counts.set(parts.span, buckets)
  buckets.set(parts.bucket, changeOf(copy.counts.get(name), counts))
  copy.counts.set(name, counts)
}

const updateEmitters = (copies: Copies, copy: Copy, emitters: Copy['emitters'], { gone }: Delta): void => {
  for (const emitter of copy.emitters.keys()) {
    if (emitters.has(emitter)) continue
    copy.counts.delete(bucketName('boot', emitter))
    if (!isInAnother(copies, copy, (other) => other.emitters.has(emitter))) gone.emitters.add(emitter)
  }
  copy.emitters = emitters
}

const updateObservations = (
  copies: Copies,
  copy: Copy,
  kind: 'recent' | 'lasting',
  observations: Observations,
  delta: Delta,
): void => {
  if (kind === 'recent') {
    for (const key of copy.observations.get('recent')?.keys() ?? []) {
      if (observations.has(key)) continue
      if (!isInAnother(copies, copy, (other) => other.observations.get('recent')?.has(key) === true))
        delta.gone.recent.add(key)
    }
  }
  copy.observations.set(kind, observations)
  for (const [key, observation] of observations) delta[kind].set(key, observation)
}

/** Replaces one part of a copy by the part that was read, and adds the difference to `delta`. */
const update = (copies: Copies, copy: Copy, part: Part, delta: Delta): void => {
  if (part.kind === 'counts') updateCounts(copy, part.name, part.counts, delta)
  else if (part.kind === 'emitters') updateEmitters(copies, copy, part.emitters, delta)
  else updateObservations(copies, copy, part.kind, part.observations, delta)
}

const addToSum = ({ sum }: Copies, copy: Copy, delta: Delta): void => {
  delta.since = copy.meta.since
  sum.merge(delta, copy.emitters)
}

/** Makes the sum again from the copies. */
const sumAgain = (copies: Copies): void => {
  copies.sum.clear()
  for (const copy of copies.byPartition.values()) {
    const delta = emptyDelta()
    const uncounted = { ...copy, counts: new Map() }
    for (const [name, counts] of copy.counts) updateCounts(uncounted, name, counts, delta)
    for (const [kind, observations] of copy.observations)
      for (const [key, observation] of observations) delta[kind].set(key, observation)
    addToSum(copies, copy, delta)
  }
}

/** Whether the owner of the partition has dated a sample earlier, because its clock was ahead: the sum keeps the later one. */
const isRedated = (copy: Copy | undefined, part: Part): boolean =>
  'observations' in part &&
  [...part.observations].some(([key, { at }]) => at < (copy?.observations.get(part.kind)?.get(key)?.at ?? at))

/**
 * Updates the copy of a partition, and the sum, with the parts that were read. Another life replaces the whole copy, within
 * one turn of the event loop: no reader sees the sum without the partition.
 */
export const updateCopy = (
  copies: Copies,
  partition: number,
  meta: Meta,
  { parts, reach }: { readonly parts: readonly Part[]; readonly reach: Reach },
): void => {
  const known = copies.byPartition.get(partition)
  const base = known?.meta.life === meta.life ? known : undefined
  if (base === undefined) {
    copies.byPartition.delete(partition)
    sumAgain(copies)
  }
  const empty = { counts: new Map(), observations: new Map(), emitters: new Map() }
  const copy: Copy = { ...(base ?? empty), meta, reach }
  copies.byPartition.set(partition, copy)
  const delta = emptyDelta()
  const redated = parts.some((part) => isRedated(known, part))
  for (const part of parts) update(copies, copy, part, delta)
  addToSum(copies, copy, delta)
  if (redated) sumAgain(copies)
}

/** Deletes everything past its retention at `now` (epoch ms). */
export const expireCopies = ({ byPartition, sum }: Copies, now: number): void => {
  sum.expire(now)
  for (const copy of byPartition.values()) {
    for (const name of copy.counts.keys()) {
      const parts = nameParts(name)
      if (parts === null || parts.span === 'boot') continue
      const ends = endOf(parts.span, parts.bucket, 0)
      if (ends !== null && ends <= now) copy.counts.delete(name)
    }
  }
}
