import { earliest } from '../../proxy/event-log/patient-clock.ts'
import type { Counts, Delta, Observation } from './delta.ts'
import { addTo, isNewer } from './delta.ts'
import type { Bucket, Span, TimeSpan } from './retention.ts'
import { bucketOf, firstKept, lastingMs, mostKeys, mostSamples, recentMs, timeSpans } from './retention.ts'
import type { Aggregates, Standing } from './snapshot.ts'
import { emptyAggregates, writeSnapshot } from './snapshot.ts'

/** The aggregates for readers. */
export type Reading = {
  /** Grows with every change. */
  readonly version: number
  /** Epoch ms of the earliest event; null without one. */
  readonly since: number | null
  count(span: Span, bucket: Bucket, key: string): number
  /** Over the buckets `from` to `to`, both included. */
  sum(span: TimeSpan, from: number, to: number, key: string): number
  bucket(span: Span, bucket: Bucket): ReadonlyMap<string, number>
  /** The version at which a map of `bucket` last changed; 0 if it has not since it was made. */
  changedAt(counts: ReadonlyMap<string, number>): number
  readonly recent: ReadonlyMap<string, Observation>
  readonly lasting: ReadonlyMap<string, Observation>
  /** By `node/boot`. */
  readonly emitters: ReadonlyMap<string, Standing>
  /** Amounts that were not counted because their bucket was full of other keys, since this process started. */
  readonly refused: number
  /** Ms on the steady clock since an emitter's last event; null when none came since this process started. */
  quietMs(emitter: string): number | null
  /** Counts and samples held. */
  entries(): number
}

export type State = Reading & {
  /** Epoch ms of the latest event of any emitter; -Infinity without one. */
  readonly latest: number
  /** Adds a delta and sets the standing of its emitter in one stroke; a null standing changes no emitter. */
  apply(delta: Delta, emitter: string, standing: Standing | null): void
  /** The same for the sum of many emitters. */
  merge(delta: Delta, standings: ReadonlyMap<string, Standing>): void
  /** Deletes everything past its retention at `now` (epoch ms). */
  expire(now: number): void
  /**
   * The clock was set back to `at` (epoch ms): dates everything later to `at`, and deletes ticks and minutes that begin
   * after it, which would otherwise count as the present when that time comes.
   */
  rewind(at: number): void
  /** Deletes everything. */
  clear(): void
  /** JSON text that depends only on the events, not on the order and the cuts in which they came. */
  snapshot(): string
}

const noCounts: ReadonlyMap<string, number> = new Map()

const latestOf = (emitters: Aggregates['emitters']): number => {
  let latest = Number.NEGATIVE_INFINITY
  for (const { at } of emitters.values()) latest = Math.max(latest, at)
  return latest
}

/** Most keys of a bucket of each span, and most samples of each kind. */
export type Bounds = { readonly keys: Readonly<Record<Span, number>>; readonly samples: number }

type Memory = Omit<Aggregates, 'since'> & {
  readonly bounds: Bounds
  since: number
  latest: number
  version: number
  refused: number
  /** When each emitter moved on, by the steady clock. */
  readonly movedAt: Map<string, number>
  /** The version at which each bucket last changed. */
  readonly changes: WeakMap<ReadonlyMap<string, number>, number>
  /** JSON of buckets that have not changed since it was made: most of a snapshot is two days of such minutes. */
  readonly texts: WeakMap<Counts, string>
}

const addCounts = (memory: Memory, span: Span, bucket: Bucket, added: Counts): void => {
  if (added.size === 0) return
  const buckets = memory.counts.get(span)!
  const into: Counts = buckets.get(bucket) ?? new Map()
  buckets.set(bucket, into)
  memory.texts.delete(into)
  memory.changes.set(into, memory.version)
  for (const [key, n] of added) {
    if (into.size >= memory.bounds.keys[span] && !into.has(key)) memory.refused++
    else addTo(into, key, n)
    // Open connections that have closed leave no key behind.
    if (into.get(key) === 0) into.delete(key)
  }
}

const keepNewest = (
  memory: Memory,
  into: Map<string, Observation>,
  observations: ReadonlyMap<string, Observation>,
): void => {
  for (const [key, observation] of observations) {
    const known = into.get(key)
    if (known === undefined && into.size >= memory.bounds.samples) memory.refused++
    else if (isNewer(observation, known)) into.set(key, observation)
  }
}

const removeEmitter = ({ emitters, movedAt, counts }: Memory, emitter: string): void => {
  emitters.delete(emitter)
  movedAt.delete(emitter)
  counts.get('boot')!.delete(emitter)
}

const mergeInto = (
  memory: Memory,
  delta: Delta,
  standings: ReadonlyMap<string, Standing>,
  steadyNow: number,
): void => {
  memory.version++
  for (const emitter of delta.gone.emitters) removeEmitter(memory, emitter)
  for (const key of delta.gone.recent) memory.recent.delete(key)
  for (const [span, buckets] of delta.counts) {
    for (const [bucket, added] of buckets) addCounts(memory, span, bucket, added)
  }
  keepNewest(memory, memory.recent, delta.recent)
  keepNewest(memory, memory.lasting, delta.lasting)
  memory.since = Math.min(memory.since, delta.since)
  for (const [emitter, standing] of standings) {
    const known = memory.emitters.get(emitter)
    if (known !== undefined && known.next !== standing.next) memory.movedAt.set(emitter, steadyNow)
    memory.emitters.set(emitter, standing)
    memory.latest = Math.max(memory.latest, standing.at)
  }
}

const rewindTo = (memory: Memory, at: number): void => {
  memory.version++
  for (const observations of [memory.recent, memory.lasting]) {
    for (const [key, observation] of observations)
      if (observation.at > at) observations.set(key, { ...observation, at })
  }
  for (const [emitter, standing] of memory.emitters)
    if (standing.at > at) memory.emitters.set(emitter, { ...standing, at })
  // A step of months is a clock that was not set yet: the right time comes back, so nothing is deleted.
  if (memory.latest - at <= recentMs) {
    for (const span of ['tick', 'minute'] as const) {
      const buckets = memory.counts.get(span)!
      for (const bucket of buckets.keys()) if (Number(bucket) > bucketOf(span, at)) buckets.delete(bucket)
    }
  }
  memory.latest = at
}

const expireAt = (memory: Memory, now: number): void => {
  memory.version++
  for (const span of timeSpans) {
    const first = firstKept(span, now)
    const buckets = memory.counts.get(span)!
    for (const bucket of buckets.keys()) {
      if (Number(bucket) < first) buckets.delete(bucket)
    }
  }
  for (const [emitter, { at }] of memory.emitters) if (at < now - recentMs) removeEmitter(memory, emitter)
  for (const [key, { at }] of memory.recent) if (at < now - recentMs) memory.recent.delete(key)
  for (const [key, { at }] of memory.lasting) if (at < now - lastingMs) memory.lasting.delete(key)
}

const clearAll = (memory: Memory): void => {
  memory.version++
  for (const buckets of memory.counts.values()) buckets.clear()
  for (const map of [memory.recent, memory.lasting, memory.emitters]) map.clear()
  memory.since = Infinity
  memory.latest = Number.NEGATIVE_INFINITY
}

const entriesOf = ({ counts, recent, lasting }: Memory): number => {
  let entries = recent.size + lasting.size
  for (const buckets of counts.values()) for (const bucket of buckets.values()) entries += bucket.size
  return entries
}

/** The bounds of a state that is folded from events. */
const ofEvents: Bounds = { keys: mostKeys, samples: mostSamples }

/** The state in memory; `from` comes from `readSnapshot`, `steady` is a clock (ms) that is never set. */
export const createMemoryState = (
  from: Aggregates = emptyAggregates(),
  steady: () => number = () => Number.NaN,
  bounds: Bounds = ofEvents,
): State => {
  const { counts, recent, lasting, emitters } = from
  const memory: Memory = {
    ...{ counts, recent, lasting, emitters, bounds },
    since: from.since < earliest ? Infinity : from.since,
    latest: latestOf(emitters),
    version: 0,
    refused: 0,
    movedAt: new Map(),
    changes: new WeakMap(),
    texts: new WeakMap(),
  }
  return {
    get version() {
      return memory.version
    },
    get since() {
      return memory.since === Infinity ? null : memory.since
    },
    get refused() {
      return memory.refused
    },
    get latest() {
      return memory.latest
    },
    recent,
    lasting,
    emitters,
    quietMs(emitter) {
      const quiet = steady() - (memory.movedAt.get(emitter) ?? Number.NaN)
      return Number.isNaN(quiet) ? null : quiet
    },
    count: (span, bucket, key) => counts.get(span)!.get(bucket)?.get(key) ?? 0,
    sum(span, first, last, key) {
      const buckets = counts.get(span)!
      let sum = 0
      for (let bucket = first; bucket <= last; bucket++) sum += buckets.get(bucket)?.get(key) ?? 0
      return sum
    },
    bucket: (span, bucket) => counts.get(span)!.get(bucket) ?? noCounts,
    changedAt: (of) => memory.changes.get(of) ?? 0,
    entries: () => entriesOf(memory),
    apply(delta, emitter, standing) {
      this.merge(delta, new Map(standing === null ? [] : [[emitter, standing]]))
    },
    merge: (delta, standings) => mergeInto(memory, delta, standings, steady()),
    rewind: (at) => rewindTo(memory, at),
    expire: (now) => expireAt(memory, now),
    clear: () => clearAll(memory),
    snapshot: () => writeSnapshot(memory, memory.texts),
  }
}
