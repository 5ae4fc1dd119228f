/** A query of a panel; `legend` names its series, as `{{dc}}`. */
export type Query = {
  readonly expr: string
  readonly legend: string
  /** The query has no data without Kafka and Redis. */
  readonly fleet?: true
  /** Why the query has no data on a healthy appliance. */
  readonly seldom?: string
}

export type Kind = 'timeseries' | 'bars' | 'stat' | 'heatmap' | 'timeline' | 'table'

/** Units as Grafana names them. */
export type Unit = 'short' | 's' | 'bytes' | 'Bps' | 'percentunit' | 'ops' | 'dateTimeFromNow' | 'bool_yes_no'

export type Panel = {
  readonly title: string
  /** What the panel shows, and what to do when it looks wrong. */
  readonly description: string
  readonly kind: Kind
  readonly unit: Unit
  /** Of 24 columns. */
  readonly width: 4 | 6 | 8 | 12 | 16 | 24
  readonly height?: number
  readonly queries: readonly Query[]
  /** Colours from these values on; the first one applies below all others. */
  readonly thresholds?: readonly (readonly [number | null, 'green' | 'yellow' | 'orange' | 'red' | 'blue'])[]
  readonly max?: number
  readonly stacked?: true
  /** A table as a matrix of two labels. */
  readonly matrix?: { readonly row: string; readonly column: string }
  /** The section of the runbook. */
  readonly runbook?: string
  /** Links to traces of the time shown. */
  readonly traces?: true
}

export type Row = { readonly title: string; readonly panels: readonly Panel[] }

export type Board = {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly rows: readonly Row[]
}

type Rest = Omit<Panel, 'title' | 'kind' | 'unit' | 'queries' | 'width'> & { readonly width?: Panel['width'] }

const of =
  (kind: Kind, width: Panel['width']) =>
  (title: string, unit: Unit, queries: Query | readonly Query[], rest: Rest): Panel => ({
    title,
    kind,
    unit,
    width,
    queries: 'expr' in queries ? [queries] : queries,
    ...rest,
  })

export const timeseries = of('timeseries', 12)
export const bars = of('bars', 12)
export const stat = of('stat', 4)
export const heatmap = of('heatmap', 12)
export const timeline = of('timeline', 24)
export const table = of('table', 12)

export const query = (expr: string, legend: string): Query => ({ expr, legend })
/** A query about something that only a fleet has. */
export const inFleet = (query: Query): Query => ({ ...query, fleet: true })
/** A query whose series exist only after a first fault; every other query must have data in the proof. */
export const seldom = (expr: string, legend: string, why: string): Query => ({ expr, legend, seldom: why })

export const bad = (from: number, worse: number): NonNullable<Panel['thresholds']> => [
  [null, 'green'],
  [from, 'orange'],
  [worse, 'red'],
]
/** The limits of a collector's rule as colours: orange from `clear`, red from `raise`; `per` of the rule's units are one here. */
export const badBy = (rule: { readonly raise: number; readonly clear: number }, per = 1) =>
  bad(rule.clear / per, rule.raise / per)

export const good = (from: number, best: number): NonNullable<Panel['thresholds']> => [
  [null, 'red'],
  [from, 'orange'],
  [best, 'green'],
]
