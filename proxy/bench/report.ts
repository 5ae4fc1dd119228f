import type { Contestant } from './contestants.ts'
import { type Figure, figures, type Measured } from './figures.ts'
import type { Life } from './life.ts'

/** The runs of each contestant, by its name. */
export type Results = ReadonlyMap<string, readonly Life[]>

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
  (results.get(name) ?? []).flatMap(({ measured }) => measured[figure] ?? [])

const verdict = (value: number, atMost: number): string => (value <= atMost ? 'pass' : 'FAIL')

const cell = (values: readonly number[], digits: number): string => {
  if (values.length === 0) return ''
  const { median, least, most } = spread(values)
  if (values.length === 1) return median.toFixed(digits)
  return `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`
}

export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')

/** The cost of telemetry in each round: `tuned` against the same threads without it. */
const telemetryRows = (results: Results): string[][] => {
  const of = (name: string): Measured[] => (results.get(name) ?? []).map(({ measured }) => measured)
  const [on, off] = [of(judged), of(silent)]
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

/** The errors of parts that gave no figures. */
const failures = (results: Results): string => {
  const lines = [...results].flatMap(([name, lives]) =>
    lives.flatMap(({ failed }) =>
      Object.entries(failed).map(
        ([part, error]) => `- **${name}**, ${part}: ${error.replaceAll(/\s+/g, ' ')}`,
      ),
    ),
  )
  return lines.length === 0 ? '' : `\nNot measured:\n\n${[...new Set(lines)].join('\n')}\n`
}

export type Run = {
  readonly shown: readonly Pick<Contestant, 'name' | 'what'>[]
  readonly results: Results
  readonly rounds: number
  readonly command: string
  /** Date, commit and machine, see `provenance`. */
  readonly measured: string
  readonly seconds: number
}

/** The results as Markdown. */
export const report = ({ shown, results, rounds, command, measured, seconds }: Run): string => {
  const rows = (Object.keys(figures) as Figure[])
    .map((key) => {
      const { label, unit, digits, atMost } = figures[key]
      const own = valuesOf(results, judged, key)
      return [
        unit === '' ? label : `${label}, ${unit}`,
        ...shown.map(({ name }) => cell(valuesOf(results, name, key), digits)),
        atMost === null ? '' : `${atMost}`,
        atMost === null || own.length === 0 ? '' : verdict(spread(own).median, atMost),
      ]
    })
    .filter((cells) => cells.slice(1, 1 + shown.length).some((text) => text !== ''))
  return `# Cost of the proxy

Written by \`${command}\` in ${Math.ceil(seconds / 60)} minutes; do not edit. ${rounds === 1 ? 'One run' : `Median of ${rounds} runs (least–most)`}, each in new processes, contestants in turn.

${measured}

${shown.map(({ name, what }) => `- **${name}**: ${what}`).join('\n')}

CPU is user and system time of a process and its children, including 0.4 s after the work for telemetry. Clients and
datacenter are separate processes on the same cores: they affect MB/s, rates and milliseconds, but not CPU and RSS.
GB and kB are powers of ten. “ee” connections are with X25519MLKEM768, as of browsers, except where X25519 is named.
Connections at 1, 10 and 100/s stay for 50 ms and include what runs anyway; they come after thousands of saturated ones, and
those of “a new process” are its first 500 (200 by \`--quick\`). A wake-up is a voluntary context switch. “At most” and the
verdict apply to “${judged}”.

${table(['', ...shown.map(({ name }) => name), 'at most', ''], rows)}
${failures(results)}
Cost of telemetry, “${judged}” against “${silent}”:

${table(['', 'cost', 'at most', ''], telemetryRows(results))}
`
}
