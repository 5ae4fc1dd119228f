import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lean } from '../app/runtime-flags.ts'
import { contestants } from './contestants.ts'
import { type Amounts, type Measured, parts } from './figures.ts'
import { live } from './life.ts'
import { provenance } from './provenance.ts'
import { report } from './report.ts'

const usage = `usage: mtscope bench [--quick]

Measures the cost of the proxy on this machine, in CPU and memory, against variants of it. npm run bench does the same.

  (no option)  all contestants in turn, three times; six minutes; writes proxy/bench/RESULTS.md
  --quick      once, with less work; one minute; prints only
`
const [unknown] = process.argv.slice(2).filter((word) => word !== '--quick')
if (unknown !== undefined) {
  const help = unknown === '--help' || unknown === '-h'
  process[help ? 'stdout' : 'stderr'].write(help ? usage : `unknown argument: ${unknown}\n\n${usage}`)
  process.exit(help ? 0 : 2)
}

const quick = process.argv.includes('--quick')
const rounds = quick ? 1 : 3
/** On a busy machine there are fewer rounds; the report gives their number. */
const limitSeconds = 360
const amounts: Amounts = quick
  ? { bulkBytes: 300e6, handshakes: 800, establishments: 100, roundTrips: 300, idle: 1_000 }
  : { bulkBytes: 1e9, handshakes: 2_000, establishments: 300, roundTrips: 1_000, idle: 5_000 }

for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(130))

const measured = provenance()
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

const text = report(results, done, `mtscope bench${quick ? ' --quick' : ''}`, measured)
process.stdout.write(text)
if (!quick) writeFileSync(join(import.meta.dirname, 'RESULTS.md'), text)
