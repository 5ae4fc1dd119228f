import type { Counts, Delta, Gone, Observation } from '../fold/delta.ts'
import { addTo, isNewer, nothingGone } from '../fold/delta.ts'
import type { Bucket, Span } from '../fold/retention.ts'
import type { Standing } from '../fold/snapshot.ts'

/** The sum of several batches, until a commit writes it in one stroke. */
export type Pending = {
  readonly counts: ReadonlyMap<Span, ReadonlyMap<Bucket, Counts>>
  readonly recent: ReadonlyMap<string, Observation>
  readonly lasting: ReadonlyMap<string, Observation>
  readonly emitters: ReadonlyMap<string, Standing>
  /** Deleted before the rest is added. */
  readonly gone: Gone
  /** Epoch ms of the earliest event; Infinity without one. */
  readonly since: number
  /** Epoch ms of the latest event; 0 without one. */
  readonly latest: number
  /** Keys and arguments that the script takes to write it. */
  readonly cost: number
}

/** Keys and arguments for one of each, as `written` in redis-hold.ts makes them; a bucket is also a key. */
const [ofBucket, ofCount, ofSample, ofEmitter, ofGone] = [5, 2, 3, 2, 3]

/** Adds to the counts of a commit; returns the keys and arguments that it takes more. */
const addCounts = (counts: Map<Span, Map<Bucket, Counts>>, added: Delta['counts']): number => {
  let cost = 0
  for (const [span, buckets] of added) {
    const spanned: Map<Bucket, Counts> = counts.get(span) ?? new Map()
    counts.set(span, spanned)
    for (const [bucket, amounts] of buckets) {
      if (amounts.size === 0) continue
      if (!spanned.has(bucket)) cost += ofBucket
      const into: Counts = spanned.get(bucket) ?? new Map()
      spanned.set(bucket, into)
      cost -= ofCount * into.size
      for (const [key, n] of amounts) addTo(into, key, n)
      cost += ofCount * into.size
    }
  }
  return cost
}

/** Keeps the newest samples; returns the keys and arguments that they take more. */
const keepNewest = (
  into: Map<string, Observation>,
  observations: ReadonlyMap<string, Observation>,
): number => {
  let cost = 0
  for (const [key, observation] of observations) {
    if (!into.has(key)) cost += ofSample
    if (isNewer(observation, into.get(key))) into.set(key, observation)
  }
  return cost
}

export const createPending = () => {
  const counts = new Map<Span, Map<Bucket, Counts>>()
  const recent = new Map<string, Observation>()
  const lasting = new Map<string, Observation>()
  const emitters = new Map<string, Standing>()
  const gone = nothingGone()
  let since = Infinity
  let latest = 0
  let cost = 0

  /** Also removes their amounts and samples that are not written yet. */
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
      if (recent.delete(key)) cost -= ofSample
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
      cost += addCounts(counts, delta.counts)
      cost += keepNewest(recent, delta.recent) + keepNewest(lasting, delta.lasting)
      since = Math.min(since, delta.since)
      if (emitter === undefined || standing === null) return
      if (!emitters.has(emitter)) cost += ofEmitter
      emitters.set(emitter, standing)
      latest = Math.max(latest, standing.at)
    },
  } satisfies Pending & { add: unknown }
}
