import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Peer, readSecret } from '../../../proxy/bench/peer.ts'
import { ownTmp } from '../../test/runner/own-tmp.ts'
import { ensure } from '../../test/services/debian.ts'
import { provenance } from '../provenance.ts'
import { commandOf, named, numberOf, wordsOf } from '../wrong-use.ts'
import type { Amounts, Samples } from './figures.ts'
import { startNetwork } from './network.ts'
import { drawn } from './plot.ts'
import { document, joined, type Outcome, tables } from './report.ts'
import { type Scenario, scenarios } from './scenarios.ts'
import { hasNetem } from './shape.ts'
import { order, type Side } from './sides.ts'
import { startDatacenters, takeTurn } from './turn.ts'

/** After the first, no side is measured a second time; after the second, the run ends. */
const [usualMinutes, limitMinutes] = [20, 40]
const usage = `usage: mtscope lab [--only WORD] [--side WORD] [--quick] [--links netem|tun]
                   [--against COMMAND --port N --secret S]

Measures latency and throughput through the proxy on emulated paths: network namespaces for client, proxy and datacenters, links with
delay, jitter, loss, a rate and a bounded buffer. Compares the tuned proxy with the un-tuned one and with each measure alone. Needs
root, Linux and iproute2. A whole run takes about ${usualMinutes} minutes, ends after ${limitMinutes} at the latest, and writes compose/proofs/lab/LATENCY.md.

  --only WORD        only scenarios whose names contain WORD: ${scenarios.map(({ name }) => name).join(', ')}
  --side WORD        only sides whose names contain WORD
  --quick            the un-tuned and the tuned proxy on the near path, with less work: under a minute
  --links KIND       netem: links of the kernel; tun: our own (default: netem where this kernel has it)
  --against COMMAND  also measures the proxy that the shell starts by COMMAND, with the sysctls of the tuned one and with $PORT and
                     $SECRET; the datacenters have Telegram's addresses
  --port N           its port
  --secret S         its secret: 32 hex digits for dd and ee, or dd… or ee… for one of them
  --help             prints this text

Exits 0 when every side was measured; 1 otherwise; 2 for wrong options. Connections that fail are counted in the table.
`
const command = commandOf(usage)
const string = { type: 'string', default: '' } as const
const values = wordsOf(
  command,
  () =>
    parseArgs({
      options: {
        only: string,
        side: string,
        quick: { type: 'boolean', default: false },
        links: string,
        against: string,
        port: string,
        secret: string,
        help: { type: 'boolean', short: 'h' },
      },
    }).values,
)
if (!['', 'netem', 'tun'].includes(values.links)) command.refuse(`--links ${values.links}: give netem or tun`)
const otherOf = (): Peer | null => {
  if (values.against === '') return null
  const port = numberOf(command, 'port', values.port, { least: 1, most: 65_535, whole: true })
  if (readSecret(values.secret) === null)
    command.refuse(
      `--secret ${values.secret}: give 32 hex digits, dd and 32, or ee and 32 and a domain in hex`,
    )
  return { command: values.against, port, secret: values.secret }
}
const other = otherOf()
const chosen = named(command, scenarios, values.quick && values.only === '' ? 'near' : values.only)
const all = named(command, order(other), values.side)
const sides = values.quick ? all.slice(0, other === null ? 2 : 3) : all
const amounts: Amounts = values.quick
  ? { connects: 20, silenceMs: 3_000, silentConnections: 2, oneMs: 1_500, eightMs: 1_000 }
  : { connects: 60, silenceMs: 3_000, silentConnections: 3, oneMs: 3_000, eightMs: 2_500 }

if (process.getuid?.() !== 0 || process.platform !== 'linux' || ensure('ip', 'iproute2') === null) {
  process.stderr.write('mtscope lab: needs root, Linux and iproute2, to make network namespaces\n')
  process.exit(1)
}
// exit() ends the child processes, too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
ownTmp('lab')

const measured = provenance()
const since = performance.now()
const minutes = (): number => (performance.now() - since) / 60_000
const progress = (line: string): void =>
  void process.stderr.write(`${(minutes() * 60).toFixed(0).padStart(5)} s  ${line}\n`)
setTimeout(() => {
  progress(`ended after ${limitMinutes} minutes; nothing is written`)
  process.exit(1)
}, limitMinutes * 60_000).unref()

const engine = values.links === 'tun' || (values.links === '' && !hasNetem()) ? 'tun' : 'netem'
let failed = 0

const measure = async (scenario: Scenario): Promise<Outcome> => {
  await using network = await startNetwork(scenario.path, engine)
  await using _datacenters = await startDatacenters(network)
  const found = new Map<string, Samples | null>()
  const turn = async (side: Side): Promise<void> => {
    if (found.has(side.name) && minutes() > usualMinutes) return
    if (!network.congestion(side.congestion)) {
      progress(`${scenario.name}, ${side.name}: not measured, this kernel offers no ${side.congestion}`)
      found.set(side.name, null)
      return
    }
    const samples = await Promise.race([takeTurn(network, side, scenario.crowd, amounts), network.broken])
    found.set(side.name, joined(found.get(side.name), samples))
    const lost = samples.failed[0] ?? 0
    progress(`${scenario.name}, ${side.name}${lost > 0 ? `: ${lost} connections failed` : ''}`)
  }
  for (const side of sides) {
    try {
      await turn(side)
    } catch (error) {
      failed++
      progress(`${scenario.name}, ${side.name}: ${error instanceof Error ? error.message : error}`)
    }
  }
  return { scenario, sides: found, emulated: await network.finish() }
}

const outcomes: Outcome[] = []
for (const scenario of chosen) outcomes.push(await measure(scenario))
process.stdout.write(tables(outcomes))

const whole = !values.quick && chosen.length === scenarios.length && values.side === '' && other === null
if (whole && failed === 0) {
  const plots = drawn(outcomes)
  for (const [name, svg] of plots) writeFileSync(new URL(name, import.meta.url), svg)
  writeFileSync(
    new URL('LATENCY.md', import.meta.url),
    document(outcomes, measured, minutes(), [...plots.keys()]),
  )
}
process.exit(failed > 0 ? 1 : 0)
