import { startProof } from '../start.ts'
import { named, numberOf } from '../wrong-use.ts'
import type { Drill } from './drill.ts'
import { drills } from './drills.ts'
import { tableOf, writeReport } from './report.ts'
import { isGood, type Outcome, runDrill } from './run.ts'

const usage = `usage: mtscope drill [--only WORD] [--scale FACTOR] [--together N]

Injects each fault into a fleet of real processes, and checks that exactly its alerts fire and clear, in the collectors and in
Prometheus. A run of all faults at the default scale writes compose/proofs/DRILL.md.

  --only WORD      only faults whose names contain WORD
  --scale FACTOR   multiplies every window; 1 is production and takes hours (default 0.1)
  --together N     runs N faults at a time, each in a fleet of its own (default 1)
  --help           prints this text

Exits 0 when no alert was missed, none was false, and all cleared; 1 otherwise; 2 for wrong options.
`
const usual = '0.1'
const { command, values } = startProof('drills', usage, { scale: usual, together: '1' })
const factor = numberOf(command, 'scale', values.scale, { least: 0.01, most: 10 })
const together = numberOf(command, 'together', values.together, { least: 1, most: 100, whole: true })
const chosen = named(command, drills, values.only)

const startedAt = performance.now()
const outcomes = new Map<string, Outcome>()
let failed = 0
const run = async (drill: Drill): Promise<void> => {
  const logger = (line: string): void => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    process.stderr.write(`${seconds.padStart(7)} s  ${drill.name}: ${line}\n`)
  }
  try {
    logger('starting')
    const outcome = await runDrill(drill, { factor, logger })
    outcomes.set(drill.name, outcome)
    if (!isGood(outcome)) failed++
    const { missed, stuck, false: wrong, ofHost } = outcome
    const findings = Object.entries({ missed, stuck, false: wrong, 'busy host': ofHost })
    for (const [what, alerts] of findings) if (alerts.length > 0) logger(`${what}: ${alerts.join(', ')}`)
    if (isGood(outcome)) logger('passed')
  } catch (error) {
    failed++
    logger(error instanceof Error ? error.message : String(error))
  }
}

const waiting = chosen.filter(({ alone }) => alone !== true)
const worker = async (): Promise<void> => {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await run(next)
}
await Promise.all(Array.from({ length: together }, worker))
for (const drill of chosen.filter(({ alone }) => alone === true)) await run(drill)

const { table, whole } = tableOf(drills, outcomes)
process.stdout.write(`${table}\n`)
if (values.scale === usual && failed === 0 && whole) writeReport(table, { factor, together })
process.exit(failed > 0 ? 1 : 0)
