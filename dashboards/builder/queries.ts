import { once } from './sli.ts'

/** What a query needs of a metric; the catalogues provide it. */
export type Source = {
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
}
type Label<M extends Source> = M['labels'][number]
/** A value, `~` and a pattern that the label matches, or `!~` and one that it does not. */
export type Where<M extends Source> = { readonly [L in Label<M>]?: string }

/** The window of every rate: Grafana chooses it by the scrape interval and the width of the panel. */
const window = '$__rate_interval'

/** Series that a proxy exports: one Prometheus target is one node. */
const ofNode = 'instance=~"$node"'
/** Series that come from the fold: every collector of a fleet exports the same. */
const ofFleet = 'fleet=~"$fleet"'
/** Variables that apply where a metric has the label and the query does not set it. */
const chosen = { dc: '~$dc', user: '~$user' } as const

const matchers = (
  scope: string,
  metric: Source,
  where: Readonly<Record<string, string | undefined>>,
): string => {
  const choices = Object.entries(chosen).filter(([label]) => metric.labels.includes(label))
  const parts = Object.entries({ ...Object.fromEntries(choices), ...where }).map(([label, value = '']) =>
    value.startsWith('!~')
      ? `${label}!~"${value.slice(2)}"`
      : value.startsWith('~')
        ? `${label}=~"${value.slice(1)}"`
        : `${label}="${value}"`,
  )
  return `{${[scope, ...parts].join(',')}}`
}

export const gauge = <M extends Source & { kind: 'gauge' }>(metric: M, where: Where<M> = {}): string =>
  `${metric.name}${matchers(ofNode, metric, where)}`

/** A counter since its process started, for events that are too rare for a rate. */
export const total = <M extends Source & { kind: 'counter' }>(metric: M, where: Where<M> = {}): string =>
  `${metric.name}${matchers(ofNode, metric, where)}`

export const rate = <M extends Source & { kind: 'counter' }>(metric: M, where: Where<M> = {}): string =>
  `rate(${metric.name}${matchers(ofNode, metric, where)}[${window}])`

/** The increase of a counter over the time shown. */
export const increase = <M extends Source & { kind: 'counter' }>(metric: M, where: Where<M> = {}): string =>
  `increase(${metric.name}${matchers(ofNode, metric, where)}[$__range])`

/** Observations of a histogram a second. */
export const countRate = <M extends Source & { kind: 'histogram' }>(
  metric: M,
  where: Where<M> = {},
): string => `rate(${metric.name}_count${matchers(ofNode, metric, where)}[${window}])`

export const sum = (expression: string, ...by: string[]): string =>
  `sum${by.length === 0 ? '' : ` by (${by.join(', ')})`} (${expression})`

export const max = (expression: string, ...by: string[]): string =>
  `max${by.length === 0 ? '' : ` by (${by.join(', ')})`} (${expression})`

/** The share of `part` in `whole`; 0 while `part` has no series yet. */
export const share = (part: string, whole: string, ...by: string[]): string =>
  `(${sum(part, ...by)} or ${sum(whole, ...by)} * 0) / ${sum(whole, ...by)}`

export const quantile = <M extends Source & { kind: 'histogram' }>(
  of: number,
  metric: M,
  by: readonly Label<M>[] = [],
  where: Where<M> = {},
): string =>
  `histogram_quantile(${of}, sum by (${[...by, 'le'].join(', ')}) (rate(${metric.name}_bucket${matchers(ofNode, metric, where)}[${window}])))`

/** Counts by bucket, for a heatmap. */
export const buckets = <M extends Source & { kind: 'histogram' }>(metric: M, where: Where<M> = {}): string =>
  `sum by (le) (increase(${metric.name}_bucket${matchers(ofNode, metric, where)}[${window}]))`

/** A number over all fleets, each counted once. */
export const fleetGauge = <M extends Source & { kind: 'gauge' | 'counter' }>(
  metric: M,
  by: readonly Label<M>[] = [],
  where: Where<M> = {},
): string => once(`${metric.name}${matchers(ofFleet, metric, where)}`, ...by)

export const fleetRate = <M extends Source & { kind: 'counter' }>(
  metric: M,
  by: readonly Label<M>[] = [],
  where: Where<M> = {},
): string => once(`rate(${metric.name}${matchers(ofFleet, metric, where)}[${window}])`, ...by)

/** The series of each collector. */
export const ofCollector = <M extends Source>(metric: M, where: Where<M> = {}): string =>
  `${metric.name}${matchers(ofFleet, metric, where)}`

/** One series for each fleet: ages and shares of several fleets cannot be added. */
export const eachFleet = (which: 'max' | 'min', expression: string, ...by: string[]): string =>
  `${which} by (${['fleet', ...by].join(', ')}) (${expression})`
