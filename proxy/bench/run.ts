import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lean } from '../app/runtime-flags.ts'
import { contestants } from './contestants.ts'
import { type Amounts, type Measured, parts } from './figures.ts'
import { live } from './life.ts'
import { report } from './report.ts'

const usage = `npm run bench: what the proxy costs on this machine, in CPU and memory

  npm run bench                all contestants in turn, three times; six minutes; writes proxy/bench/RESULTS.md
  npm run bench -- --quick     once, less of everything; one minute; only prints
`
const [unknown] = process.argv.slice(2).filter((word) => word !== '--quick')
if (unknown !== undefined) {
  const help = unknown === '--help' || unknown === '-h'
  process[help ? 'stdout' : 'stderr'].write(help ? usage : `${unknown} is not known\n${usage}`)
  process.exit(help ? 0 : 2)
}

const quick = process.argv.includes('--quick')
const rounds = quick ? 1 : 3
/** A busy machine gets fewer rounds, and the results say how many. */
const limitSeconds = 360
const amounts: Amounts = quick
  ? { bulkBytes: 300e6, handshakes: 800, establishments: 100, roundTrips: 300, idle: 1_000 }
  : { bulkBytes: 1e9, handshakes: 2_000, establishments: 300, roundTrips: 1_000, idle: 5_000 }

for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(130))

const root = join(import.meta.dirname, '..', '..')
const { PATH } = process.env
spawnSync(process.execPath, [join(root, 'compose/npm/warm.mjs'), 'compose/appliance.ts'], {
  env: { PATH, ...lean(root) },
  stdio: 'inherit',
})

const results = new Map<string, Measured[]>(contestants.map(({ name }) => [name, []]))
const start = performance.now()
const seconds = (): number => (performance.now() - start) / 1000

let done = 0
while (done < rounds && (done === 0 || (seconds() / done) * (done + 1) < limitSeconds)) {
  for (const contestant of contestants) {
    results.get(contestant.name)?.push(await live(contestant, amounts, parts))
    process.stderr.write(`round ${done + 1} of ${rounds}: ${contestant.name}, ${seconds().toFixed(0)} s\n`)
  }
  done++
}

const text = report(results, done, `npm run bench${quick ? ' -- --quick' : ''}`)
process.stdout.write(text)
if (!quick) writeFileSync(join(import.meta.dirname, 'RESULTS.md'), text)
