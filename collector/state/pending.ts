import type { Counts, Delta, Gone, Observation } from '../fold/delta.ts'
import { addTo, isNewer, nothingGone } from '../fold/delta.ts'
import type { Bucket, Span } from '../fold/retention.ts'
import type { Standing } from '../fold/snapshot.ts'

/** What several batches have added together, until it is written in one stroke. */
export type Pending = {
  readonly counts: ReadonlyMap<Span, ReadonlyMap<Bucket, Counts>>
  readonly recent: ReadonlyMap<string, Observation>
  readonly lasting: ReadonlyMap<string, Observation>
  readonly emitters: ReadonlyMap<string, Standing>
  /** Forgotten before the rest is added. */
  readonly gone: Gone
  /** Infinity when nothing was added. */
  readonly since: number
  /** Epoch ms of the latest fact; 0 when nothing was added. */
  readonly latest: number
  /** Keys and arguments that a script takes to write it. */
  readonly cost: number
}

/** What `written` in redis-hold.ts makes of one: a bucket is a key, too. */
const [ofBucket, ofCount, ofSaying, ofEmitter, ofGone] = [5, 2, 3, 2, 3]

export const createPending = () => {
  const counts = new Map<Span, Map<Bucket, Counts>>()
  const recent = new Map<string, Observation>()
  const lasting = new Map<string, Observation>()
  const emitters = new Map<string, Standing>()
  const gone = nothingGone()
  let since = Infinity
  let latest = 0
  let cost = 0

  const learn = (into: Map<string, Observation>, printed: ReadonlyMap<string, Observation>): void => {
    for (const [key, observation] of printed) {
      if (!into.has(key)) cost += ofSaying
      if (isNewer(observation, into.get(key))) into.set(key, observation)
    }
  }

  /** What was added before and not written yet goes, too. */
  const forget = (from: Gone): void => {
    for (const emitter of from.emitters) {
      if (emitters.delete(emitter)) cost -= ofEmitter
      const open = counts.get('boot')?.get(emitter)
      if (open !== undefined) cost -= ofBucket + ofCount * open.size
      counts.get('boot')?.delete(emitter)
      if (!gone.emitters.has(emitter)) cost += ofGone
      gone.emitters.add(emitter)
    }
    for (const key of from.recent) {
      if (recent.delete(key)) cost -= ofSaying
      if (!gone.recent.has(key)) cost += 1
      gone.recent.add(key)
    }
  }

  return {
    counts,
    gone,
    recent,
    lasting,
    emitters,
    get since() {
      return since
    },
    get latest() {
      return latest
    },
    get cost() {
      return cost
    },
    add(delta: Delta, emitter?: string, standing: Standing | null = null): void {
      forget(delta.gone)
      for (const [span, buckets] of delta.counts) {
        const spanned: Map<Bucket, Counts> = counts.get(span) ?? new Map()
        counts.set(span, spanned)
        for (const [bucket, added] of buckets) {
          if (added.size === 0) continue
          if (!spanned.has(bucket)) cost += ofBucket
          const into: Counts = spanned.get(bucket) ?? new Map()
          spanned.set(bucket, into)
          cost -= ofCount * into.size
          for (const [key, n] of added) addTo(into, key, n)
          cost += ofCount * into.size
        }
      }
      learn(recent, delta.recent)
      learn(lasting, delta.lasting)
      since = Math.min(since, delta.since)
      if (emitter === undefined || standing === null) return
      if (!emitters.has(emitter)) cost += ofEmitter
      emitters.set(emitter, standing)
      latest = Math.max(latest, standing.at)
    },
  } satisfies Pending & { add: unknown }
}
