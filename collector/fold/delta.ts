import { earliest } from '../../proxy/event-log/patient-clock.ts'
import type { Bucket, Span } from './retention.ts'
import { bucketOf, tickMs } from './retention.ts'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/** The newest value of something that is not counted: the later `at` wins, at equal times the greater JSON text. */
export type Observation = { readonly at: number; readonly value: Json }
export type Counts = Map<string, number>

/**
 * The contribution of a batch to the state: integers under keys and newest values. An adapter applies it in one stroke.
 * All of it commutes: the order of batches does not matter.
 */
export type Delta = {
  readonly counts: Map<Span, Map<Bucket, Counts>>
  /** Forgotten after 48 hours. */
  readonly recent: Map<string, Observation>
  /** Forgotten after 800 days. */
  readonly lasting: Map<string, Observation>
  /** Epoch ms of the earliest event; Infinity without one. */
  since: number
  /** Deleted before anything is added: emitters with their open connections, and keys of `recent`. */
  readonly gone: Gone
}

export type Gone = { readonly emitters: Set<string>; readonly recent: Set<string> }

export const nothingGone = (): Gone => ({ emitters: new Set(), recent: new Set() })

/** Where a projection adds amounts. They are integers (bytes, µs, counts): sums are exact in any order. */
export type Tally = {
  readonly node: string
  readonly boot: string
  ever(key: string, n: number): void
  /** Adds to the total, to the month and to the day (UTC). */
  calendar(key: string, n: number): void
  minute(key: string, n: number): void
  tick(key: string, n: number): void
  /** Adds to a count that ends with its emitter, such as open connections. */
  live(key: string, n: number): void
  recent(key: string, value: Json): void
  lasting(key: string, value: Json): void
}

export const isNewer = (a: Observation, b: Observation | undefined): boolean =>
  b === undefined || a.at > b.at || (a.at === b.at && JSON.stringify(a.value) > JSON.stringify(b.value))

export const addTo = (counts: Counts, key: string, n: number): void => {
  counts.set(key, (counts.get(key) ?? 0) + n)
}

// An event may claim any number: impossible amounts count as 0, so that sums stay exact in every adapter.
const largest = 2 ** 45
const sane = (n: number): number => (Math.abs(n) <= largest ? Math.round(n) : 0)

const keep = (observations: Map<string, Observation>, key: string, at: number, value: Json): void => {
  const observation = { at, value }
  if (isNewer(observation, observations.get(key))) observations.set(key, observation)
}

/** An empty delta of one emitter, and the tally that fills it; `moveTo` sets the time (epoch ms) of the events that follow. */
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
      // A tick lies within one minute, day and month: within the same tick no bucket changes.
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
