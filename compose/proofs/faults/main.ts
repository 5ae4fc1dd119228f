import { writeFileSync } from 'node:fs'
import { provenance } from '../provenance.ts'
import { startProof } from '../start.ts'
import { named, numberOf } from '../wrong-use.ts'
import type { Fault } from './fault.ts'
import { faults } from './faults.ts'
import { failing, type Outcome, runFault } from './run.ts'

const usage = `usage: mtscope faults [--only WORD] [--scale FACTOR] [--rate N]

Injects each fault into a fresh fleet of real processes under load, and counts dropped clients, lost events and events counted
twice. A run of all faults at scale 1 writes compose/proofs/FAULTS.md.

  --only WORD      only faults whose names contain WORD
  --scale FACTOR   shortens faults and repeats them less often (default 1)
  --rate N         new connections a second (default 20)
  --help           prints this text

Exits 0 when no client was dropped, every lost event was recorded in events.lost, none was counted twice, and every recount was
equal; 1 otherwise; 2 for wrong options.
`
const { command, values } = startProof('faults', usage, { scale: '1', rate: '20' })
const scale = numberOf(command, 'scale', values.scale, { least: 0.01, most: 10 })
const perSecond = numberOf(command, 'rate', values.rate, { least: 1, most: 1_000, whole: true })
const chosen = named(command, faults, values.only)

const columns = [
  ['fault', ({ fault }: Outcome) => fault],
  ['connections', ({ connections }: Outcome) => String(connections)],
  ['clients dropped', ({ dropped }: Outcome) => String(dropped)],
  ['events', ({ events }: Outcome) => String(events)],
  ['lost (recorded)', ({ lost, reported }: Outcome) => (lost === 0 ? '0' : `${lost} (${reported})`)],
  ['counted twice', ({ twice }: Outcome) => String(twice)],
  ['equal to a recount', ({ equal }: Outcome) => (equal ? 'yes' : '**no**')],
  ['added p99, ms', ({ addedP99Ms }: Outcome) => addedP99Ms.toFixed(1)],
  ['RSS growth of a relay, MB', ({ rssGrowthMb }: Outcome) => rssGrowthMb.toFixed(1)],
  ['recovered after, s', ({ recoverySeconds }: Outcome) => recoverySeconds.toFixed(1)],
] as const

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const rowOf = (name: string): string | undefined => {
  const outcome = outcomes.find(({ fault }) => fault === name)
  return outcome === undefined ? undefined : row(columns.map(([, of]) => of(outcome)))
}
const table = (): string =>
  [
    row(columns.map(([name]) => name)),
    row(columns.map(() => '---')),
    ...faults.map(({ name }) => rowOf(name)).filter((line) => line !== undefined),
  ].join('\n')

const outcomes: Outcome[] = []
let failed = 0
const run = async (fault: Fault): Promise<void> => {
  process.stderr.write(`${fault.name} …\n`)
  try {
    const outcome = await runFault(fault, { scale, perSecond })
    outcomes.push(outcome)
    const why = failing(outcome)
    if (why !== null) failed++
    process.stderr.write(`  ${why ?? 'passed'}; recovered after ${outcome.recoverySeconds.toFixed(1)} s\n`)
  } catch (error) {
    failed++
    process.stderr.write(`  ${error instanceof Error ? error.message : error}\n`)
  }
}
for (const fault of chosen) await run(fault)

process.stdout.write(`${table()}\n`)
if (scale === 1 && failed === 0 && faults.every(({ name }) => rowOf(name) !== undefined)) {
  writeFileSync(
    new URL('../FAULTS.md', import.meta.url),
    `# Faults

Written whole by one run of \`npm run faults\`. ${provenance()}
Two proxies, two collectors, one broker and one Redis, all on this machine, under ${perSecond} new connections a second and ten that
stay. Each row is a fleet of its own. The last ones have
three brokers (a write needs two) and a Redis Cluster or Sentinels instead, all with TLS and logins.
The load runs on the same cores, so fewer connections may be opened than that, and the milliseconds are those of a machine that
runs all of this at the same time.

${table()}

- *lost*: sequence numbers that never reached the topic; *recorded*: those that an \`events.lost\` event accounts for.
- *equal to a recount*: the aggregates in Redis equal a fold of the topic from the first event, byte for byte, and their
  totals equal a count that shares no code with the collector.
- *added p99*: p99 of connect to first answer during the fault, minus that before it; without clients of a killed proxy.
- *recovered*: from the end of the fault until every event is shipped and folded.
`,
  )
}
process.exit(failed > 0 ? 1 : 0)
