import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ownTmp } from '../../test/runner/own-tmp.ts'
import { provenance } from '../provenance.ts'
import { commandOf, named, numberOf, wordsOf } from '../wrong-use.ts'
import { type Fault, faults } from './faults.ts'
import { failing, type Outcome, runFault } from './run.ts'

const usage = `faults: a fleet of real processes under load, and what happens to it when something breaks

  npm run faults                     every fault, each in a fresh fleet; writes compose/proofs/FAULTS.md
  npm run faults -- --scale 0.1      a tenth of the strikes; writes nothing
  npm run faults -- --only broker    those whose names have the word
  npm run faults -- --rate 10        so many new sessions a second (default 20)

Exits 0 when no client was dropped, no event lost untold, none counted twice, and every recount equal.
`
const command = commandOf(usage)
const values = wordsOf(
  command,
  () =>
    parseArgs({
      options: {
        scale: { type: 'string', default: '1' },
        only: { type: 'string', default: '' },
        rate: { type: 'string', default: '20' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values,
)
const scale = numberOf(command, 'scale', values.scale, { least: 0.01, most: 10 })
const perSecond = numberOf(command, 'rate', values.rate, { least: 1, most: 1_000, whole: true })
const chosen = named(command, faults, values.only)

// Processes that were started go with this one, whoever ends it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
ownTmp('faults')

const columns = [
  ['fault', ({ fault }: Outcome) => fault],
  ['sessions', ({ sessions }: Outcome) => String(sessions)],
  ['clients dropped', ({ dropped }: Outcome) => String(dropped)],
  ['events', ({ events }: Outcome) => String(events)],
  ['lost (of them told)', ({ lost, reported }: Outcome) => (lost === 0 ? '0' : `${lost} (${reported})`)],
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
    process.stderr.write(
      `  ${why ?? 'as promised'}; recovered after ${outcome.recoverySeconds.toFixed(1)} s\n`,
    )
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
stay. Each row is a fleet of its own.
The load is made on the same cores: as many sessions a second as are asked for is the most that is tried, and the
milliseconds are those of a machine that does all of this at once.

${table()}

- *lost*: sequence numbers that never came to the topic; *told*: those that an \`events.lost\` fact accounts for.
- *equal to a recount*: the aggregates in Redis are byte for byte what a fold of the topic from nothing gives, and their
  totals are those of a count that shares no code with the collector.
- *added p99*: of connect to first answer, during the fault, less what it was before; clients of a killed proxy are left out.
- *recovered*: from the end of the fault until every event is shipped and folded.
`,
  )
}
process.exit(failed > 0 ? 1 : 0)
