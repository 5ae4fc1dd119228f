import { contestants } from './contestants.ts'
import { type Figure, figures, type Measured } from './figures.ts'

/** The figures of each run, by the name of the contestant. */
export type Results = ReadonlyMap<string, readonly Measured[]>

type Spread = { median: number; least: number; most: number }

const judged = 'tuned'
const silent = 'no telemetry'
const bulk: readonly Figure[] = ['downDd', 'downEe', 'upDd', 'upEe', 'upEeSmall']
const connections: readonly Figure[] = ['handshakeDd', 'handshakeEe', 'handshakePq']

/** Needs at least one value. The median of an even number of values is the mean of the middle two. */
export const spread = (values: readonly number[]): Spread => {
  const sorted = values.toSorted((a, b) => a - b)
  const [below, above] = [sorted[(sorted.length - 1) >> 1]!, sorted[sorted.length >> 1]!]
  return { median: (below + above) / 2, least: sorted[0]!, most: sorted.at(-1)! }
}

const valuesOf = (results: Results, name: string, figure: Figure): number[] =>
  (results.get(name) ?? []).flatMap((life) => life[figure] ?? [])

const verdict = (value: number, atMost: number): string => (value <= atMost ? 'pass' : 'FAIL')

const cell = (values: readonly number[], digits: number): string => {
  if (values.length === 0) return ''
  const { median, least, most } = spread(values)
  return `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')

/** The cost of telemetry in each round: `tuned` against the same threads without it. */
const telemetryRows = (results: Results): string[][] => {
  const [on, off] = [results.get(judged) ?? [], results.get(silent) ?? []]
  const total = (life: Measured | undefined, of: readonly Figure[]): number =>
    of.reduce((sum, figure) => sum + (life?.[figure] ?? Number.NaN), 0)
  const row = (
    label: string,
    atMost: number,
    digits: number,
    cost: (on: Measured, off: Measured | undefined) => number,
  ): string[] => {
    const values = on.map((life, i) => cost(life, off[i])).filter(Number.isFinite)
    return values.length === 0
      ? []
      : [label, cell(values, digits), `${atMost}`, verdict(spread(values).median, atMost)]
  }
  return [
    row(
      'of the CPU in bulk, all five transfers, %',
      3,
      1,
      (on, off) => (1 - total(off, bulk) / total(on, bulk)) * 100,
    ),
    row(
      'of connections, mean of the three kinds, CPU s/1,000',
      0.15,
      3,
      (on, off) => (total(on, connections) - total(off, connections)) / connections.length,
    ),
  ].filter((cells) => cells.length > 0)
}

/** The results as Markdown. `measured`: date, commit and machine, see `provenance`. */
export const report = (results: Results, rounds: number, command: string, measured: string): string => {
  const shown = contestants.filter(({ name }) => results.has(name))
  const rows = (Object.keys(figures) as Figure[]).map((key) => {
    const { label, unit, digits, atMost } = figures[key]
    const own = valuesOf(results, judged, key)
    return [
      `${label}, ${unit}`,
      ...shown.map(({ name }) => cell(valuesOf(results, name, key), digits)),
      atMost === null ? '' : `${atMost}`,
      atMost === null || own.length === 0 ? '' : verdict(spread(own).median, atMost),
    ]
  })
  return `# Cost of the proxy

Written by \`${command}\`; do not edit. Median of ${rounds} runs (least–most), each in a new process, contestants in turn.

${measured}

${shown.map(({ name, what }) => `- **${name}**: ${what}`).join('\n')}

CPU is user and system time of the whole process, including 0.4 s after the work for telemetry. Clients and
datacenter are separate processes on the same cores: they affect MB/s, rates and milliseconds, but not CPU and RSS.
GB and kB are powers of ten. “At most” and the verdict apply to “${judged}”.

${table(['', ...shown.map(({ name }) => name), 'at most', ''], rows)}

Cost of telemetry, “${judged}” against “${silent}”:

${table(['', 'cost', 'at most', ''], telemetryRows(results))}
`
}
