import { parseArgs } from 'node:util'
import { type Config, readConfig } from '../config/config.ts'
import { readOwnConfig } from '../config/own-config.ts'
import { findAddress, type LinkAddress } from '../users/public-address.ts'
import { allChecks } from './all-checks.ts'
import { mistakeFindings } from './checks/settings.ts'
import { type Checks, examine } from './examine.ts'
import { type About, areaOf, areas, type Finding, finding, type Live } from './finding.ts'
import { askLive } from './live.ts'
import { countsOf, table } from './report.ts'

const usage = `usage: mtscope doctor [--only AREA] [--all] [--json]

Checks this host, the settings, the datacenters and the services, and prints what to do about each problem. Reads the
same settings as mtscope start, from the environment and .env. Changes nothing, and does not disturb a running proxy.
Takes ten seconds at most. The same as npm run doctor -- [OPTIONS].

  --only AREA   checks one area, or several separated by commas:
                ${areas.slice(0, 6).join(', ')},
                ${areas.slice(6).join(', ')}
  --all         also prints details: every host setting, also the good ones
  --json        prints { verdict, counts, findings: [{ id, area, verdict, says, advice, numbers }] }
  --help        prints this text

Verdicts: ok; note (could be better); warn (will cause trouble); fail (causes trouble now); unknown (cannot be decided
from this host). Exit code: 0 no finding is fail, 1 one is, 2 wrong use. NO_COLOR disables colours.
`

const wrongUse = (reason: string): never => {
  process.stderr.write(`doctor: ${reason}; --help lists the options\n`)
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
  const unknown = chosen.find((area) => !areas.some((known) => known === area))
  if (unknown !== undefined) wrongUse(`--only: unknown area "${unknown.slice(0, 40)}"`)
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

const examineAll = async (chosen: ReadonlySet<string>): Promise<readonly Finding[]> => {
  const read = readOwnConfig()
  if (!read.ok) return examineHost(read.mistakes, chosen)
  const { config } = read
  const checks: Checks = Object.fromEntries(Object.entries(allChecks).filter(([area]) => chosen.has(area)))
  return examine(checks, aboutOf(config, await askLive(config)))
}

/** With invalid settings only the host can be checked. */
const examineHost = async (
  mistakes: readonly string[],
  chosen: ReadonlySet<string>,
): Promise<readonly Finding[]> => {
  const usual = readConfig({}, '')
  const { host } = allChecks
  const machine = usual.ok && chosen.has('host') ? await examine({ host }, aboutOf(usual.config, null)) : []
  const rest = finding(
    'settings.rest',
    'unknown',
    'the other areas cannot be checked while settings are invalid',
  )
  return [...mistakeFindings(mistakes), rest, ...machine]
}

const options = readOptions()
if (options.help) {
  process.stdout.write(usage)
  process.exit(0)
}
const findings = await examineAll(chosenAreas(options.only))
// A check that is too late may still hold a socket, which must not delay the exit.
const leave = (): never => process.exit(failed ? 1 : 0)
const failed = findings.some(({ verdict }) => verdict === 'fail')
if (options.json) {
  const all = findings.map((one) => {
    const { id, verdict, states, advice, numbers } = one
    return { id, area: areaOf(one), verdict, says: states, advice, numbers }
  })
  const verdict = failed ? 'fail' : 'ok'
  process.stdout.write(
    `${JSON.stringify({ verdict, counts: countsOf(findings), findings: all }, null, 2)}\n`,
    leave,
  )
} else {
  const colour = process.stdout.isTTY === true && !process.env.NO_COLOR
  const width = Math.min(process.stdout.columns ?? 120, 140)
  process.stdout.write(table(findings, { colour, width, all: options.all }), leave)
}
