import { earliest } from '../../proxy/event-log/patient-clock.ts'
import type { Bucket, Span } from './retention.ts'
import { bucketOf, tickMs } from './retention.ts'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/** The newest saying about something: the later `at` wins, and of two at once the greater JSON text. */
export type Observation = { readonly at: number; readonly value: Json }
export type Counts = Map<string, number>

/**
 * What a batch adds to the state: numbers under keys, nothing else, so that an adapter can apply it in one stroke.
 * Additions, the newest of sayings and the earliest of times commute: the order of batches does not matter.
 */
export type Delta = {
  readonly counts: Map<Span, Map<Bucket, Counts>>
  /** Forgotten after 48 hours. */
  readonly recent: Map<string, Observation>
  /** Kept for two years. */
  readonly lasting: Map<string, Observation>
  /** Epoch ms of the earliest fact, Infinity when there is none. */
  since: number
  /** What is forgotten before anything is added: emitters with what is open there, and keys of `recent`. */
  readonly gone: Gone
}

export type Gone = { readonly emitters: Set<string>; readonly recent: Set<string> }

export const nothingGone = (): Gone => ({ emitters: new Set(), recent: new Set() })

/** What a projection writes to. All amounts are integers (bytes, µs, counts): sums are exact in any order. */
export type Tally = {
  readonly node: string
  readonly boot: string
  ever(key: string, n: number): void
  /** Of all time, this month and this day (UTC) at once. */
  calendar(key: string, n: number): void
  minute(key: string, n: number): void
  tick(key: string, n: number): void
  /** Counts that die with their emitter, as open connections do. */
  live(key: string, n: number): void
  recent(key: string, value: Json): void
  lasting(key: string, value: Json): void
}

export const isNewer = (a: Observation, b: Observation | undefined): boolean =>
  b === undefined || a.at > b.at || (a.at === b.at && JSON.stringify(a.value) > JSON.stringify(b.value))

export const addTo = (counts: Counts, key: string, n: number): void => {
  counts.set(key, (counts.get(key) ?? 0) + n)
}

// An event is somebody's word: what no event can mean is not counted, so that sums stay exact wherever they are kept.
const largest = 2 ** 45
const sane = (n: number): number => (Math.abs(n) <= largest ? Math.round(n) : 0)

const keep = (observations: Map<string, Observation>, key: string, at: number, value: Json): void => {
  const observation = { at, value }
  if (isNewer(observation, observations.get(key))) observations.set(key, observation)
}

/** An empty delta of one emitter, and the tally that fills it; `moveTo` gives the time of the facts that follow. */
export const openDelta = (
  node: string,
  boot: string,
): { delta: Delta; tally: Tally; moveTo: (at: number) => void } => {
  const delta: Delta = {
    counts: new Map(),
    recent: new Map(),
    lasting: new Map(),
    since: Infinity,
    gone: nothingGone(),
  }
  const countsOf = (span: Span, bucket: Bucket): Counts => {
    const buckets: Map<Bucket, Counts> = delta.counts.get(span) ?? new Map()
    delta.counts.set(span, buckets)
    const counts: Counts = buckets.get(bucket) ?? new Map()
    buckets.set(bucket, counts)
    return counts
  }
  const ever = countsOf('ever', 0)
  const live = countsOf('boot', `${node}/${boot}`)
  let at = 0
  let tickStart = Number.NaN
  let month = ever
  let day = ever
  let minute = ever
  let tick = ever
  return {
    delta,
    moveTo(to) {
      at = to
      if (to >= earliest && to < delta.since) delta.since = to
      // A tick never straddles a minute, day or month, so one comparison tells that no bucket changed.
      if (to >= tickStart && to < tickStart + tickMs) return
      tickStart = bucketOf('tick', to) * tickMs
      month = countsOf('month', bucketOf('month', to))
      day = countsOf('day', bucketOf('day', to))
      minute = countsOf('minute', bucketOf('minute', to))
      tick = countsOf('tick', bucketOf('tick', to))
    },
    tally: {
      node,
      boot,
      ever: (key, n) => addTo(ever, key, sane(n)),
      calendar(key, n) {
        const amount = sane(n)
        addTo(ever, key, amount)
        addTo(month, key, amount)
        addTo(day, key, amount)
      },
      minute: (key, n) => addTo(minute, key, sane(n)),
      tick: (key, n) => addTo(tick, key, sane(n)),
      live: (key, n) => addTo(live, key, sane(n)),
      recent: (key, value) => keep(delta.recent, key, at, value),
      lasting: (key, value) => keep(delta.lasting, key, at, value),
    },
  }
}
