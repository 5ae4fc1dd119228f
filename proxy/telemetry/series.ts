import type { Attributes, Meter, Observable } from '@opentelemetry/api'
import type { Metric } from './catalogue/catalogue.ts'

type Labels = readonly string[]
type Labelled<L extends Labels> = Metric & { readonly labels: L }
type Values<L extends Labels> = { [I in keyof L]: string }
type Cell = { value: number; readonly attributes: Attributes }

/**
 * Finds the cell of a metric by its label values, in the order of the catalogue. Attribute objects are made once a
 * series: OpenTelemetry sorts and serializes them at every record, so that building them, too, is what would cost.
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
 * A counter or gauge kept in plain numbers, and read only when somebody scrapes: 0.1 µs a change where an instrument's
 * own `add` costs 0.5.
 */
export const observed = <L extends Labels>(meter: Meter, metric: Labelled<L>) => {
  const { at, cells } = cellsOf(metric)
  observable(meter, metric).addCallback((result) => {
    for (const { value, attributes } of cells.values()) result.observe(value, attributes)
  })
  return at
}

/** A counter or gauge of one label at most, whose source is asked at each scrape. */
export const asked = (meter: Meter, metric: Metric, ask: () => Iterable<readonly [string, number]>): void => {
  const [label] = metric.labels
  observable(meter, metric).addCallback((result) => {
    for (const [key, value] of ask()) result.observe(value, label === undefined ? {} : { [label]: key })
  })
}

/** A gauge of several labels, whose source is asked at each scrape: what it leaves out is gone. */
export const askedAll = <L extends Labels>(
  meter: Meter,
  metric: Labelled<L>,
  ask: () => Iterable<readonly [labels: Values<L>, value: number]>,
): void => {
  const { at } = cellsOf(metric)
  observable(meter, metric).addCallback((result) => {
    for (const [labels, value] of ask()) result.observe(value, at(...labels).attributes)
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
