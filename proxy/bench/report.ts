import { readFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import { contestants } from './contestants.ts'
import { type Figure, figures, type Measured } from './figures.ts'

/** What the lives of each contestant measured, by its name. */
export type Results = ReadonlyMap<string, readonly Measured[]>

type Spread = { median: number; least: number; most: number }

const judged = 'tuned'
const silent = 'no telemetry'
const bulk: readonly Figure[] = ['downDd', 'downEe', 'upDd', 'upEe', 'upEeSmall']
const connections: readonly Figure[] = ['handshakeDd', 'handshakeEe', 'handshakePq']

/** Of at least one value; of an even number, the mean of the middle two. */
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

const machine = (): string => {
  const memory = /MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
  const cores = cpus()
  return `${cores[0]?.model.trim()}, ${cores.length} cores, ${Math.round(Number(memory) / 1e6)} GB, ${type()} ${release()}, Node ${process.version}`
}

/** What telemetry costs in each round: tuned against the same threads without it. */
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

/** The results as Markdown. */
export const report = (results: Results, rounds: number, command: string): string => {
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
  return `# What the proxy costs

Written by \`${command}\`; not to be edited. Median of ${rounds} (least–most), each in a process of its own, round by round.

Machine: ${machine()}.

${shown.map(({ name, what }) => `- **${name}**: ${what}`).join('\n')}

CPU is user and system time of the whole process, with 0.4 s after the work so that telemetry is charged for. Clients and
datacenter are processes of their own on the same cores: MB/s, rates and milliseconds contain them, CPU and RSS do not.
GB and kB are powers of ten. “At most” and the verdict are of “${judged}”.

${table(['', ...shown.map(({ name }) => name), 'at most', ''], rows)}

Telemetry's own share, “${judged}” against “${silent}”:

${table(['', 'cost', 'at most', ''], telemetryRows(results))}
`
}
