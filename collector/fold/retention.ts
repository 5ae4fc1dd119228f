/**
 * A span is an expiry class. Every counter lies in one bucket of one span, and a bucket expires as a whole: in Redis it is
 * one hash with one EXPIREAT, so both adapters forget alike.
 */
export const spans = ['ever', 'month', 'day', 'minute', 'tick', 'boot'] as const
export type Span = (typeof spans)[number]

/** Time spans number their buckets; `ever` has one, `0`; `boot` has one for each emitter, `node/boot`. */
export type Bucket = number | string

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

export const tickMs = 10 * second
export const minuteMs = minute
export const dayMs = day

/** An emitter, a probe or a node without an event for this long is forgotten; so is a minute this old. */
export const recentMs = 48 * hour
/** How long a user without events is remembered. */
export const lastingMs = 800 * day

const keepMs = { month: lastingMs, day: 35 * day, minute: recentMs, tick: hour + minute } as const

export type TimeSpan = keyof typeof keepMs
export const timeSpans: readonly TimeSpan[] = ['month', 'day', 'minute', 'tick']

/** The number of the bucket that holds `at` (epoch ms, UTC). */
export const bucketOf = (span: TimeSpan, at: number): number => {
  switch (span) {
    case 'tick':
      return Math.floor(at / tickMs)
    case 'minute':
      return Math.floor(at / minuteMs)
    case 'day':
      return Math.floor(at / dayMs)
    case 'month': {
      const date = new Date(at)
      return date.getUTCFullYear() * 12 + date.getUTCMonth()
    }
  }
}

/** The first bucket of a span within its retention at `now`. */
export const firstKept = (span: TimeSpan, now: number): number => bucketOf(span, now - keepMs[span])

/** Whether a bucket begins after `latest` (epoch ms). */
export const isAhead = (span: Span, bucket: Bucket, latest: number): boolean =>
  span !== 'ever' && span !== 'boot' && Number(bucket) > bucketOf(span, latest)

/** When a bucket expires, epoch ms; null: never. A `boot` bucket expires 48 hours after `latest`, its emitter's last event. */
export const endOf = (span: Span, bucket: Bucket, latest: number): number | null => {
  switch (span) {
    case 'ever':
      return null
    case 'boot':
      return Math.ceil(latest) + recentMs
    case 'tick':
      return (Number(bucket) + 1) * tickMs + keepMs.tick
    case 'minute':
      return (Number(bucket) + 1) * minuteMs + keepMs.minute
    case 'day':
      return (Number(bucket) + 1) * dayMs + keepMs.day
    case 'month':
      return Date.UTC(Math.floor(Number(bucket) / 12), (Number(bucket) % 12) + 1) + keepMs.month
  }
}

/**
 * Most keys in one bucket. More means a bug, or names that an attacker made up: the bucket refuses further keys to bound
 * memory. There are thousands of minutes and hundreds of ticks, so they have less.
 */
export const mostKeys: Readonly<Record<Span, number>> = {
  ever: 20_000,
  month: 20_000,
  day: 20_000,
  minute: 2_000,
  tick: 8_000,
  boot: 2_000,
}
/** Most keys of `recent`, and of `lasting`. */
export const mostSamples = 20_000
