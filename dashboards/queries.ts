import { once } from './sli.ts'

/** What a query needs to know of a metric: the catalogues say it. */
export type Source = {
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
}
type Label<M extends Source> = M['labels'][number]
/** A value, or `=~` with a pattern. */
export type Where<M extends Source> = { readonly [L in Label<M>]?: string }

/** The window of every rate: as long as Grafana finds right for the scrape interval and the width of the panel. */
const window = '$__rate_interval'

const matchers = (scope: string, where: Readonly<Record<string, string | undefined>>): string => {
  const parts = Object.entries(where).map(([label, value = '']) =>
    value.startsWith('~') ? `${label}=~"${value.slice(1)}"` : `${label}="${value}"`,
  )
  return `{${[scope, ...parts].join(',')}}`
}

/** The series of this node, as the proxy tells them: one Prometheus target is one node. */
const ofNode = 'instance=~"$node"'
/** Of what the collector's fold knows; told alike by every collector of a fleet. */
const ofFleet = 'fleet=~"$fleet"'

export const gauge = <M extends Source & { kind: 'gauge' }>(metric: M, where: Where<M> = {}): string =>
  `${metric.name}${matchers(ofNode, where)}`

export const rate = <M extends Source & { kind: 'counter' }>(metric: M, where: Where<M> = {}): string =>
  `rate(${metric.name}${matchers(ofNode, where)}[${window}])`

export const sum = (expression: string, ...by: string[]): string =>
  `sum${by.length === 0 ? '' : ` by (${by.join(', ')})`} (${expression})`

export const max = (expression: string, ...by: string[]): string =>
  `max${by.length === 0 ? '' : ` by (${by.join(', ')})`} (${expression})`

export const quantile = <M extends Source & { kind: 'histogram' }>(
  share: number,
  metric: M,
  by: readonly Label<M>[] = [],
  where: Where<M> = {},
): string =>
  `histogram_quantile(${share}, sum by (${[...by, 'le'].join(', ')}) (rate(${metric.name}_bucket${matchers(ofNode, where)}[${window}])))`

/** Counts by bucket, for a heatmap. */
export const buckets = <M extends Source & { kind: 'histogram' }>(metric: M, where: Where<M> = {}): string =>
  `sum by (le) (increase(${metric.name}_bucket${matchers(ofNode, where)}[${window}]))`

export const fleetGauge = <M extends Source & { kind: 'gauge' | 'counter' }>(
  metric: M,
  by: readonly Label<M>[] = [],
  where: Where<M> = {},
): string => once(`${metric.name}${matchers(ofFleet, where)}`, ...by)

export const fleetRate = <M extends Source & { kind: 'counter' }>(
  metric: M,
  by: readonly Label<M>[] = [],
  where: Where<M> = {},
): string => once(`rate(${metric.name}${matchers(ofFleet, where)}[${window}])`, ...by)

/** Of each collector by itself. */
export const ofCollector = <M extends Source>(metric: M, where: Where<M> = {}): string =>
  `${metric.name}${matchers(ofFleet, where)}`
