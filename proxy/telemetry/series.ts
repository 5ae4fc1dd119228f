import type { Attributes, Meter, Observable } from '@opentelemetry/api'
import type { Metric } from './catalogue/metric.ts'

type Labels = readonly string[]
type Labelled<L extends Labels> = Metric & { readonly labels: L }
type Values<L extends Labels> = { [I in keyof L]: string }
type Cell = { value: number; readonly attributes: Attributes }

/**
 * Returns the cell of a metric for its label values, in the order of the catalogue. Attribute objects are made once per
 * series: OpenTelemetry sorts and serializes them at every record, and building them would add to that.
 */
export const cellsOf = <L extends Labels>(metric: Labelled<L>) => {
  const cells = new Map<string, Cell>()
  const at = (...values: Values<L>): Cell => {
    const key = values.length === 1 ? (values[0] ?? '') : values.join('\n')
    let cell = cells.get(key)
    if (cell === undefined) {
      cell = {
        value: 0,
        attributes: Object.fromEntries(metric.labels.map((label, i) => [label, values[i] ?? ''])),
      }
      cells.set(key, cell)
    }
    return cell
  }
  return { at, cells: cells as ReadonlyMap<string, Cell> }
}

const observable = (meter: Meter, { name, kind, help, unit }: Metric): Observable => {
  const options = { description: help, unit }
  return kind === 'counter'
    ? meter.createObservableCounter(name, options)
    : meter.createObservableGauge(name, options)
}

/**
 * A counter or gauge that is kept in plain numbers and read at a scrape: a change costs 0.1 µs, where an instrument's own
 * `add` costs 0.5 µs.
 */
export const observed = <L extends Labels>(meter: Meter, metric: Labelled<L>) => {
  const { at, cells } = cellsOf(metric)
  observable(meter, metric).addCallback((result) => {
    for (const { value, attributes } of cells.values()) result.observe(value, attributes)
  })
  return at
}

/** A counter or gauge with one label at most. Each scrape calls `read`, which returns label value and value. */
export const readAtScrape = (
  meter: Meter,
  metric: Metric,
  read: () => Iterable<readonly [string, number]>,
): void => {
  const [label] = metric.labels
  observable(meter, metric).addCallback((result) => {
    for (const [key, value] of read()) result.observe(value, label === undefined ? {} : { [label]: key })
  })
}

/** A gauge with several labels. Each scrape calls `read`; a series that it leaves out ends. */
export const readAllAtScrape = <L extends Labels>(
  meter: Meter,
  metric: Labelled<L>,
  read: () => Iterable<readonly [labels: Values<L>, value: number]>,
): void => {
  const { at } = cellsOf(metric)
  observable(meter, metric).addCallback((result) => {
    for (const [labels, value] of read()) result.observe(value, at(...labels).attributes)
  })
}

/** A histogram with the buckets of the catalogue. Returns `record(value, …labels)`. */
export const histogram = <L extends Labels>(meter: Meter, metric: Labelled<L>) => {
  const { at } = cellsOf(metric)
  const instrument = meter.createHistogram(metric.name, {
    description: metric.help,
    unit: metric.unit,
    advice: { explicitBucketBoundaries: [...(metric.buckets ?? [])] },
  })
  return (value: number, ...values: Values<L>): void => instrument.record(value, at(...values).attributes)
}
