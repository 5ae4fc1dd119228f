import { parseArgs } from 'node:util'
import { type Config, readConfig } from '../config/config.ts'
import { readOwnConfig } from '../config/own-config.ts'
import { findAddress, type LinkAddress } from '../users/public-address.ts'
import { allChecks } from './all-checks.ts'
import { mistaken } from './checks/settings.ts'
import { type Checks, examine } from './examine.ts'
import { type About, areaOf, areas, type Finding, finding, type Live } from './finding.ts'
import { askLive } from './live.ts'
import { countsOf, table } from './report.ts'

const usage = `npm run doctor: what is wrong with this host and these settings, and what to do about it

Reads the same settings as npm start, from the environment and .env. Changes nothing; a proxy that runs is not
disturbed. Takes ten seconds at most.

  npm run doctor -- [options]
  --only AREA   only this area, or several with commas between:
                ${areas.slice(0, 6).join(', ')},
                ${areas.slice(6).join(', ')}
  --all         also what is good or of no use here, one by one
  --json        for programs: { verdict, counts, findings: [{ id, area, verdict, says, advice, numbers }] }
  --help        this

Verdicts: ok; note (could be better); warn (will bite); fail (does bite); unknown (cannot be told from here).
Exit: 0 nothing failed, 1 something did, 2 wrong use. NO_COLOR is honoured.
`

const wrongUse = (why: string): never => {
  process.stderr.write(`doctor: ${why}; --help tells the options\n`)
  process.exit(2)
}

const readOptions = () => {
  try {
    return parseArgs({
      options: {
        only: { type: 'string', multiple: true, default: [] },
        all: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values
  } catch (error) {
    return wrongUse(error instanceof Error ? (error.message.split('. ')[0] ?? '') : String(error))
  }
}

const chosenAreas = (words: readonly string[]): ReadonlySet<string> => {
  const chosen = words.flatMap((word) => word.split(',').map((area) => area.trim()))
  const strange = chosen.find((area) => !areas.some((known) => known === area))
  if (strange !== undefined) wrongUse(`there is no area "${strange.slice(0, 40)}"`)
  return new Set(chosen.length > 0 ? chosen : areas)
}

const aboutOf = (config: Config, live: Live | null): Omit<About, 'signal'> => {
  let finding: Promise<LinkAddress> | undefined
  const { signal } = new AbortController()
  return {
    config,
    env: process.env,
    address: () => (finding ??= findAddress(config, signal)),
    now: Date.now,
    live,
  }
}

const found = async (chosen: ReadonlySet<string>): Promise<readonly Finding[]> => {
  const read = readOwnConfig()
  if (!read.ok) return withMistakes(read.mistakes, chosen)
  const { config } = read
  const checks: Checks = Object.fromEntries(Object.entries(allChecks).filter(([area]) => chosen.has(area)))
  return examine(checks, aboutOf(config, await askLive(config)))
}

/** With wrong settings there is nothing to look at but the machine itself. */
const withMistakes = async (
  mistakes: readonly string[],
  chosen: ReadonlySet<string>,
): Promise<readonly Finding[]> => {
  const usual = readConfig({}, '')
  const { host } = allChecks
  const machine = usual.ok && chosen.has('host') ? await examine({ host }, aboutOf(usual.config, null)) : []
  const rest = finding('settings.rest', 'unknown', 'everything else waits until the settings are right')
  return [...mistaken(mistakes), rest, ...machine]
}

const options = readOptions()
if (options.help) {
  process.stdout.write(usage)
  process.exit(0)
}
const findings = await found(chosenAreas(options.only))
// A check that came too late may still hold a socket: nothing of it matters any more.
const leave = (): never => process.exit(failed ? 1 : 0)
const failed = findings.some(({ verdict }) => verdict === 'fail')
if (options.json) {
  const reported = findings.map((one) => {
    const { id, verdict, states, advice, numbers } = one
    return { id, area: areaOf(one), verdict, states, advice, numbers }
  })
  const verdict = failed ? 'fail' : 'ok'
  process.stdout.write(
    `${JSON.stringify({ verdict, counts: countsOf(findings), findings: reported }, null, 2)}\n`,
    leave,
  )
} else {
  const colour = process.stdout.isTTY === true && !process.env.NO_COLOR
  const width = Math.min(process.stdout.columns ?? 120, 140)
  process.stdout.write(table(findings, { colour, width, all: options.all }), leave)
}
