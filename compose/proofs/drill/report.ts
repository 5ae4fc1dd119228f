import { writeFileSync } from 'node:fs'
import { provenance } from '../provenance.ts'
import type { Drill } from './drill.ts'
import type { Outcome } from './run.ts'

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const none = '–'
const listed = (names: readonly string[]): string => (names.length === 0 ? none : names.join(', '))
const seconds = (value: number | null): string => (value === null ? none : value.toFixed(1))

const expected = ({ fires }: Drill): string =>
  listed([...new Set(fires.map(({ name }) => (name.startsWith('Mtscope') ? name : `\`${name}\``)))])

const columns = [
  ['fault', ({ drill }: Outcome) => drill.name],
  ['must fire', ({ drill }: Outcome) => expected(drill)],
  ['collector after, s', ({ detected }: Outcome) => seconds(detected.collector)],
  ['Prometheus after, s', ({ detected }: Outcome) => seconds(detected.prometheus)],
  [
    'cleared after, s',
    ({ cleared }: Outcome) => `${seconds(cleared.collector)} / ${seconds(cleared.prometheus)}`,
  ],
  ['missed', ({ missed, stuck }: Outcome) => listed([...missed, ...stuck.map((name) => `${name} stays`)])],
  ['false', ({ false: wrong }: Outcome) => listed(wrong)],
  ['busy host', ({ ofHost }: Outcome) => listed([...new Set(ofHost)])],
] as const

/** The table of all outcomes; `whole` if every drill has one. */
export const tableOf = (
  drills: readonly Drill[],
  outcomes: ReadonlyMap<string, Outcome>,
): { readonly table: string; readonly whole: boolean } => {
  const rows = drills.map(({ name }) => {
    const outcome = outcomes.get(name)
    return outcome === undefined ? undefined : row(columns.map(([, of]) => of(outcome)))
  })
  const there = rows.filter((line) => line !== undefined)
  const head = [row(columns.map(([name]) => name)), row(columns.map(() => '---'))]
  return { table: [...head, ...there].join('\n'), whole: there.length === rows.length }
}

export const writeReport = (
  table: string,
  { factor, together }: { readonly factor: number; readonly together: number },
): void => {
  writeFileSync(
    new URL('../DRILL.md', import.meta.url),
    `# The alert drill

Written whole by one run of \`npm run drill -- --together ${together}\`. ${provenance()}
Every fault has a world of its own: two proxies, two collectors, Kafka, Redis, Prometheus with the rules of
\`dashboards/out/alerts.yaml\` and Alertmanager, under eight connections a second to two datacenters.
Every window and \`for\` was multiplied by ${factor}; fixed limits were not (a node is
silent after 60 s, a process emits a sample every 10 s, events wait for 60 s).

${table}

- *after*: from the beginning of the fault until every alert that must fire had arrived at the webhook of the collectors and of
  Alertmanager.
- *cleared after*: from the end of the fault until all of them were cleared, collector / Prometheus; without the slow pairs of the
  error budget, whose windows are hours.
- *false*: every other alert, without those that the drill names as true consequences (\`follows\` in \`compose/proofs/drill/\`).
- *busy host*: alerts about CPU, event loops or late answers while the drill measured that other programs used the host.
`,
  )
}
