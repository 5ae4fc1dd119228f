import { earliest } from '../../proxy/event-log/patient-clock.ts'
import type { Counts, Delta, Observation } from './delta.ts'
import { addTo, isNewer } from './delta.ts'
import type { Bucket, Span, TimeSpan } from './retention.ts'
import { bucketOf, firstKept, lastingMs, mostKeys, mostSayings, recentMs, timeSpans } from './retention.ts'
import type { Aggregates, Standing } from './snapshot.ts'
import { emptyAggregates, writeSnapshot } from './snapshot.ts'

/** The aggregates as readers see them. */
export type Reading = {
  /** Grows with every change. */
  readonly version: number
  /** Epoch ms of the earliest fact, null before there is one. */
  readonly since: number | null
  count(span: Span, bucket: Bucket, key: string): number
  /** Over the buckets `from` to `to`, both included. */
  sum(span: TimeSpan, from: number, to: number, key: string): number
  bucket(span: Span, bucket: Bucket): ReadonlyMap<string, number>
  readonly recent: ReadonlyMap<string, Observation>
  readonly lasting: ReadonlyMap<string, Observation>
  /** By `node/boot`. */
  readonly emitters: ReadonlyMap<string, Standing>
  /** Amounts not counted because their bucket was full of other keys, since this process started. */
  readonly refused: number
  /** How long ago an emitter moved on, by the clock that is never set; null when it has not since this process started. */
  quietMs(emitter: string): number | null
  /** Numbers and sayings held. */
  entries(): number
}

export type State = Reading & {
  /** Epoch ms of the latest fact of any emitter, -Infinity before there is one. */
  readonly latest: number
  /** Adds a delta and moves its emitter on, in one stroke; null: none moves. */
  apply(delta: Delta, emitter: string, standing: Standing | null): void
  /** The same for what many emitters have added, as another adapter keeps it. */
  merge(delta: Delta, standings: ReadonlyMap<string, Standing>): void
  /** Forgets what is too old at `now` (epoch ms). */
  expire(now: number): void
  /**
   * The clock was set back to `at` (epoch ms): nothing of the state is later, and what was counted ahead of it in short
   * spans is forgotten, or it would be counted as present when its time comes.
   */
  rewind(at: number): void
  /** Forgets everything. */
  clear(): void
  /** JSON text: the same for the same facts, in whatever order and cuts they came. */
  snapshot(): string
}

const nothing: ReadonlyMap<string, number> = new Map()

const latestOf = (emitters: Aggregates['emitters']): number => {
  let latest = Number.NEGATIVE_INFINITY
  for (const { at } of emitters.values()) latest = Math.max(latest, at)
  return latest
}

/** The state in memory; `from` is what `readSnapshot` gave, `steady` a clock (ms) that is never set. */
export const createMemoryState = (
  from: Aggregates = emptyAggregates(),
  steady: () => number = () => Number.NaN,
): State => {
  const { counts, recent, lasting, emitters } = from
  const movedAt = new Map<string, number>()
  let latest = latestOf(emitters)
  // The JSON of a bucket that no longer changes is made once: two days of minutes are most of a snapshot.
  const texts = new WeakMap<Counts, string>()
  let since = from.since < earliest ? Infinity : from.since
  let refused = 0
  let version = 0

  const add = (span: Span, bucket: Bucket, added: Counts): void => {
    if (added.size === 0) return
    const buckets = counts.get(span)!
    const into: Counts = buckets.get(bucket) ?? new Map()
    buckets.set(bucket, into)
    texts.delete(into)
    for (const [key, n] of added) {
      if (into.size >= mostKeys[span] && !into.has(key)) refused++
      else addTo(into, key, n)
      // What was opened and closed again leaves no key behind.
      if (into.get(key) === 0) into.delete(key)
    }
  }

  const learn = (into: Map<string, Observation>, printed: ReadonlyMap<string, Observation>): void => {
    for (const [key, observation] of printed) {
      const known = into.get(key)
      if (known === undefined && into.size >= mostSayings) refused++
      else if (isNewer(observation, known)) into.set(key, observation)
    }
  }

  return {
    get version() {
      return version
    },
    get since() {
      return since === Infinity ? null : since
    },
    get refused() {
      return refused
    },
    get latest() {
      return latest
    },
    recent,
    lasting,
    emitters,
    quietMs(emitter) {
      const quiet = steady() - (movedAt.get(emitter) ?? Number.NaN)
      return Number.isNaN(quiet) ? null : quiet
    },
    count: (span, bucket, key) => counts.get(span)!.get(bucket)?.get(key) ?? 0,
    sum(span, first, last, key) {
      const buckets = counts.get(span)!
      let sum = 0
      for (let bucket = first; bucket <= last; bucket++) sum += buckets.get(bucket)?.get(key) ?? 0
      return sum
    },
    bucket: (span, bucket) => counts.get(span)!.get(bucket) ?? nothing,
    entries() {
      let entries = recent.size + lasting.size
      for (const buckets of counts.values()) for (const bucket of buckets.values()) entries += bucket.size
      return entries
    },
    apply(delta, emitter, standing) {
      this.merge(delta, new Map(standing === null ? [] : [[emitter, standing]]))
    },
    merge(delta, standings) {
      version++
      for (const emitter of delta.gone.emitters) {
        emitters.delete(emitter)
        movedAt.delete(emitter)
        counts.get('boot')!.delete(emitter)
      }
      for (const key of delta.gone.recent) recent.delete(key)
      for (const [span, buckets] of delta.counts) {
        for (const [bucket, added] of buckets) add(span, bucket, added)
      }
      learn(recent, delta.recent)
      learn(lasting, delta.lasting)
      since = Math.min(since, delta.since)
      for (const [emitter, standing] of standings) {
        const known = emitters.get(emitter)
        if (known !== undefined && known.next !== standing.next) movedAt.set(emitter, steady())
        emitters.set(emitter, standing)
        latest = Math.max(latest, standing.at)
      }
    },
    rewind(at) {
      version++
      for (const observations of [recent, lasting]) {
        for (const [key, observation] of observations)
          if (observation.at > at) observations.set(key, { ...observation, at })
      }
      for (const [emitter, standing] of emitters)
        if (standing.at > at) emitters.set(emitter, { ...standing, at })
      // A step of months is a clock that nobody has set yet, and the time that was right comes back.
      if (latest - at <= recentMs) {
        for (const span of ['tick', 'minute'] as const) {
          const buckets = counts.get(span)!
          for (const bucket of buckets.keys()) if (Number(bucket) > bucketOf(span, at)) buckets.delete(bucket)
        }
      }
      latest = at
    },
    expire(now) {
      version++
      for (const span of timeSpans) {
        const first = firstKept(span, now)
        const buckets = counts.get(span)!
        for (const bucket of buckets.keys()) {
          if (Number(bucket) < first) buckets.delete(bucket)
        }
      }
      for (const [emitter, { at }] of emitters) {
        if (at >= now - recentMs) continue
        emitters.delete(emitter)
        movedAt.delete(emitter)
        counts.get('boot')!.delete(emitter)
      }
      for (const [key, { at }] of recent) if (at < now - recentMs) recent.delete(key)
      for (const [key, { at }] of lasting) if (at < now - lastingMs) lasting.delete(key)
    },
    clear() {
      version++
      for (const buckets of counts.values()) buckets.clear()
      for (const map of [recent, lasting, emitters]) map.clear()
      since = Infinity
      latest = Number.NEGATIVE_INFINITY
    },
    snapshot: () => writeSnapshot({ counts, recent, lasting, emitters, since }, texts),
  }
}
