/** One metric, with its name as Prometheus stores it. */
export type Metric = {
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  /** UCUM: seconds, bytes, bytes a second, or a plain number. */
  readonly unit: 's' | 'By' | 'By/s' | '1'
  readonly labels: readonly string[]
  readonly help: string
  /** Upper bounds of a histogram, rising, in `unit`. */
  readonly buckets?: readonly number[]
}
