import { failedMs, slowMs } from '../../proxy/events/outcome.ts'

/**
 * Histograms with fixed bounds: merging is adding, in any order and on any machine.
 * The limits of slow and failed answers are among the bounds of latencies.
 */

/** Upper bounds, ms; the last bucket has none. */
export const latencyBounds: readonly number[] = [
  ...[0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000, 1500],
  ...[slowMs, 3000, 5000, failedMs, 12000, 30000, 60000],
]

/** Upper bounds for the duration of a connection, ms: a second to a day. */
export const durationBounds: readonly number[] = [1, 5, 15, 60, 300, 900, 3600, 14400, 43200, 86400].map(
  (seconds) => seconds * 1000,
)

/** One key per bucket, made once: a fold must not build a string for every event. */
export const bucketKeys = (prefix: string, bounds: readonly number[]): readonly string[] =>
  Array.from({ length: bounds.length + 1 }, (_, bucket) => `${prefix}/${bucket}`)

/** The bucket of a value: the first whose bound is not below it. Negative and NaN count as the first. */
export const bucketFor = (bounds: readonly number[], value: number): number => {
  let low = 0
  let high = bounds.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (value > bounds[middle]!) low = middle + 1
    else high = middle
  }
  return low
}

/** Adds the counts of `from` to `into`. */
export const merge = (into: number[], from: readonly number[]): number[] => {
  for (const [bucket, n] of from.entries()) into[bucket] = (into[bucket] ?? 0) + n
  return into
}

export const total = (counts: readonly number[]): number => counts.reduce((sum, n) => sum + n, 0)

/** The q-quantile (0–1), interpolated within its bucket; the last bound when it lies beyond; null when empty. */
export const quantile = (bounds: readonly number[], counts: readonly number[], q: number): number | null => {
  const all = total(counts)
  if (all === 0) return null
  const rank = q * all
  let below = 0
  for (const [bucket, n] of counts.entries()) {
    if (n > 0 && below + n >= rank) {
      const from = bucket === 0 ? 0 : bounds[bucket - 1]!
      const to = bounds[bucket]
      return to === undefined ? from : from + (to - from) * Math.max(0, (rank - below) / n)
    }
    below += n
  }
  return bounds.at(-1)!
}
