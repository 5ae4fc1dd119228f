import { once } from './sli.ts'

/** What a query needs to know of a metric: the catalogues say it. */
export type Source = {
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
}
type Label<M extends Source> = M['labels'][number]
/** A value, `~` and a pattern that the label matches, or `!~` and one that it does not. */
export type Where<M extends Source> = { readonly [L in Label<M>]?: string }

/** The window of every rate: as long as Grafana finds right for the scrape interval and the width of the panel. */
const window = '$__rate_interval'

/** The series of this node, as the proxy tells them: one Prometheus target is one node. */
const ofNode = 'instance=~"$node"'
/** Of what the collector's fold knows; told alike by every collector of a fleet. */
const ofFleet = 'fleet=~"$fleet"'
/** What else can be chosen on a dashboard: wherever a metric has the label, and the query does not say otherwise. */
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

/** A counter since its process started, for what is too seldom for a rate. */
export const total = <M extends Source & { kind: 'counter' }>(metric: M, where: Where<M> = {}): string =>
  `${metric.name}${matchers(ofNode, metric, where)}`

export const rate = <M extends Source & { kind: 'counter' }>(metric: M, where: Where<M> = {}): string =>
  `rate(${metric.name}${matchers(ofNode, metric, where)}[${window}])`

/** By how much a counter rose in the time that is shown. */
export const increase = <M extends Source & { kind: 'counter' }>(metric: M, where: Where<M> = {}): string =>
  `increase(${metric.name}${matchers(ofNode, metric, where)}[$__range])`

/** How many values a histogram took, a second. */
export const countRate = <M extends Source & { kind: 'histogram' }>(
  metric: M,
  where: Where<M> = {},
): string => `rate(${metric.name}_count${matchers(ofNode, metric, where)}[${window}])`

export const sum = (expression: string, ...by: string[]): string =>
  `sum${by.length === 0 ? '' : ` by (${by.join(', ')})`} (${expression})`

export const max = (expression: string, ...by: string[]): string =>
  `max${by.length === 0 ? '' : ` by (${by.join(', ')})`} (${expression})`

/** The share that `part` is of `whole`, 0 while there is no series of the part yet. */
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

/** A number of all fleets together, each taken once. */
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

/** Of each collector by itself. */
export const ofCollector = <M extends Source>(metric: M, where: Where<M> = {}): string =>
  `${metric.name}${matchers(ofFleet, metric, where)}`

/** Of each fleet by itself: ages and shares of several cannot be added up. */
export const eachFleet = (which: 'max' | 'min', expression: string, ...by: string[]): string =>
  `${which} by (${['fleet', ...by].join(', ')}) (${expression})`
