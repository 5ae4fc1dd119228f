import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lean } from '../app/runtime-flags.ts'
import { type Contestant, contestants, silent, tuned } from './contestants.ts'
import type { Amounts } from './figures.ts'
import { type Life, measure } from './life.ts'
import { type Options, readOptions, usage } from './options.ts'
import { peerContestant } from './peer.ts'
import { provenance } from './provenance.ts'
import { report } from './report.ts'
import { scale } from './scale.ts'
import { plotFile, type ScaleRun, scalePlot, scaleReport } from './scale-report.ts'

const little: Amounts = {
  bulkBytes: 200e6,
  handshakes: 500,
  establishments: 50,
  roundTrips: 200,
  idle: 1_000,
  fresh: 200,
  rateSeconds: 1,
  messageSeconds: 1,
  quietSeconds: 3,
  countedBytes: 50e6,
}
const much: Amounts = {
  bulkBytes: 1e9,
  handshakes: 2_000,
  establishments: 300,
  roundTrips: 1_000,
  idle: 5_000,
  fresh: 500,
  rateSeconds: 4,
  messageSeconds: 2.5,
  quietSeconds: 6,
  countedBytes: 100e6,
}
/** On a busy machine there are fewer rounds; the report gives their number. */
const limitSeconds = 720

/** Measures contestants in turn, so that other load of the machine meets all of them. */
const inTurn = async (
  shown: readonly Contestant[],
  { quick, peer, datacenterPort }: Options,
): Promise<string> => {
  const measured = provenance()
  const rounds = quick ? 1 : 3
  const amounts = quick ? little : much
  const results = new Map<string, Life[]>(shown.map(({ name }) => [name, []]))
  const start = performance.now()
  const seconds = (): number => (performance.now() - start) / 1000
  let done = 0
  while (done < rounds && (done === 0 || (seconds() / done) * (done + 1) < limitSeconds)) {
    for (const contestant of shown) {
      const life = await measure(contestant, amounts, datacenterPort)
      const ours = Object.entries(life.failed).find(([part]) => !part.endsWith('calls'))
      if (contestant.name !== 'peer' && ours) throw new Error(`${contestant.name}, ${ours.join(': ')}`)
      results.get(contestant.name)?.push(life)
      process.stderr.write(`round ${done + 1} of ${rounds}: ${contestant.name}, ${seconds().toFixed(0)} s\n`)
    }
    done++
  }
  const command = `mtscope bench${quick ? ' --quick' : ''}${peer ? ' --against …' : ''}`
  return report({ shown, results, rounds: done, command, measured, seconds: seconds() })
}

const writeScale = (result: ScaleRun, quick: boolean): void => {
  const text = scaleReport(result)
  process.stdout.write(text)
  if (quick) return
  writeFileSync(join(import.meta.dirname, 'SCALE.md'), text)
  writeFileSync(join(import.meta.dirname, plotFile), scalePlot(result))
}

const run = async (options: Options): Promise<void> => {
  const root = join(import.meta.dirname, '..', '..')
  const { PATH } = process.env
  spawnSync(process.execPath, [join(root, 'compose/npm/warm.mjs'), 'compose/appliance.ts'], {
    env: { PATH, ...lean(root) },
    stdio: 'inherit',
  })
  if (options.scale) return writeScale(await scale(options.quick, provenance()), options.quick)
  const peer = options.peer && peerContestant(options.peer)
  const text = await inTurn(peer ? [tuned, peer, silent] : contestants, options)
  process.stdout.write(text)
  if (!options.quick && !peer) writeFileSync(join(import.meta.dirname, 'RESULTS.md'), text)
}

for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(130))

const options = readOptions(process.argv.slice(2))
if (options === 'help') process.stdout.write(usage)
else if ('mistake' in options) {
  process.stderr.write(`${options.mistake}\n\n${usage}`)
  process.exitCode = 2
} else await run(options)
