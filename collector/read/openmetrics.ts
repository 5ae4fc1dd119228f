import type { Metric } from './metrics.ts'

/** One value, with labels in the order of the metric's label names. */
export type Sample = { readonly labels: readonly string[]; readonly value: number }
/** Counts of a histogram, one for each bucket and one beyond the last, not cumulative; `sum` in the metric's unit. */
export type Distribution = { readonly counts: readonly number[]; readonly sum: number }

export type Format = 'prometheus' | 'openmetrics'

export const contentTypes: Record<Format, string> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** OpenMetrics if the Accept header names it without `q=0`, else Prometheus' text format. */
export const formatFor = (accept: string | undefined): Format => {
  const asked = accept
    ?.split(',')
    .find((type) => type.trim().toLowerCase().startsWith('application/openmetrics-text'))
  return asked === undefined || /;\s*q=0(?:\.0*)?\s*(?:;|$)/i.test(asked) ? 'prometheus' : 'openmetrics'
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '"': '\\"' }
const escapeLabel = (text: string): string => text.replace(/[\\\n"]/g, (found) => escapes[found]!)
// Prometheus' text format leaves quotes in help as they are, OpenMetrics escapes them.
const escapeHelp = (text: string, format: Format): string =>
  text.replace(format === 'prometheus' ? /[\\\n]/g : /[\\\n"]/g, (found) => escapes[found]!)

const number = (value: number): string =>
  Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'

const labelsText = (names: readonly string[], values: readonly string[], fleet: string): string =>
  `{${[...names.map((name, i) => `${name}="${escapeLabel(values[i] ?? '')}"`), `fleet="${escapeLabel(fleet)}"`].join(',')}}`

/** In OpenMetrics the samples of a counter end with `_total`, the family does not. */
const familyName = ({ name, kind }: Metric, format: Format): string =>
  format === 'openmetrics' && kind === 'counter' ? name.replace(/_total$/, '') : name

const unitNames: Readonly<Record<Metric['unit'], string | null>> = { s: 'seconds', By: 'bytes', '1': null }

const header = (metric: Metric, format: Format): string => {
  const family = familyName(metric, format)
  const unit = unitNames[metric.unit]
  const lines = [`# HELP ${family} ${escapeHelp(metric.help, format)}`, `# TYPE ${family} ${metric.kind}`]
  if (format === 'openmetrics' && unit !== null && family.endsWith(`_${unit}`)) {
    lines.push(`# UNIT ${family} ${unit}`)
  }
  return lines.join('\n')
}

/** A counter or gauge as text; empty without samples. */
export const samplesText = (
  metric: Metric,
  samples: readonly Sample[],
  format: Format,
  fleet: string,
): string =>
  samples.length === 0
    ? ''
    : `${[
        header(metric, format),
        ...samples.map(
          ({ labels, value }) => `${metric.name}${labelsText(metric.labels, labels, fleet)} ${number(value)}`,
        ),
      ].join('\n')}\n`

/** A histogram without labels as text: cumulative buckets, sum and count. */
export const histogramText = (
  metric: Metric,
  { counts, sum }: Distribution,
  format: Format,
  fleet: string,
): string => {
  const labels = labelsText([], [], fleet)
  let below = 0
  const buckets = counts.map((n, bucket) => {
    below += n
    const bound = metric.buckets?.[bucket]
    // OpenMetrics writes bounds as floats, and a series must have the same labels in both formats.
    const le = bound === undefined ? '+Inf' : Number.isInteger(bound) ? `${bound}.0` : String(bound)
    return `${metric.name}_bucket${labelsText(['le'], [le], fleet)} ${below}`
  })
  const lines = [
    ...buckets,
    `${metric.name}_sum${labels} ${number(sum)}`,
    `${metric.name}_count${labels} ${below}`,
  ]
  return `${header(metric, format)}\n${lines.join('\n')}\n`
}
