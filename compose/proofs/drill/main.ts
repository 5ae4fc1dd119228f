import { parseArgs } from 'node:util'
import { ownTmp } from '../../test/runner/own-tmp.ts'
import { commandOf, named, numberOf, wordsOf } from '../wrong-use.ts'
import type { Drill } from './drill.ts'
import { drills } from './drills.ts'
import { tableOf, writeReport } from './report.ts'
import { isGood, type Outcome, runDrill } from './run.ts'

const usage = `drill: each fault, and whether exactly its alerts fire, in both alert systems

  npm run drill                      every fault, each in a world of its own; writes compose/proofs/DRILL.md
  npm run drill -- --only word       those whose names have the word
  npm run drill -- --scale 1         the real windows: takes hours (default 0.1: every window a tenth)
  npm run drill -- --together 2      so many worlds at a time (default 1)

Exits 0 when nothing was missed, nothing was false, and all cleared.
`
const usual = '0.1'
const command = commandOf(usage)
const values = wordsOf(
  command,
  () =>
    parseArgs({
      options: {
        scale: { type: 'string', default: usual },
        only: { type: 'string', default: '' },
        together: { type: 'string', default: '1' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values,
)
const factor = numberOf(command, 'scale', values.scale, { least: 0.01, most: 10 })
const together = numberOf(command, 'together', values.together, { least: 1, most: 100, whole: true })
const chosen = named(command, drills, values.only)

// Processes that were started go with this one, whoever ends it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
ownTmp('drills')

const startedAt = performance.now()
const outcomes = new Map<string, Outcome>()
let failed = 0
const run = async (drill: Drill): Promise<void> => {
  const logger = (line: string): void => {
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    process.stderr.write(`${seconds.padStart(7)} s  ${drill.name}: ${line}\n`)
  }
  try {
    logger('…')
    const outcome = await runDrill(drill, { factor, logger })
    outcomes.set(drill.name, outcome)
    if (!isGood(outcome)) failed++
    const { missed, stuck, false: wrong, ofHost } = outcome
    const reported = Object.entries({ missed, stuck, false: wrong, 'of the host': ofHost })
    for (const [what, alerts] of reported) if (alerts.length > 0) logger(`${what}: ${alerts.join(', ')}`)
    if (isGood(outcome)) logger('as it should be')
  } catch (error) {
    failed++
    logger(error instanceof Error ? error.message : String(error))
  }
}

const waiting = chosen.filter(({ alone }) => alone !== true)
const hand = async (): Promise<void> => {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await run(next)
}
await Promise.all(Array.from({ length: together }, hand))
for (const drill of chosen.filter(({ alone }) => alone === true)) await run(drill)

const { table, whole } = tableOf(drills, outcomes)
process.stdout.write(`${table}\n`)
if (values.scale === usual && failed === 0 && whole) writeReport(table, { factor, together })
process.exit(failed > 0 ? 1 : 0)
