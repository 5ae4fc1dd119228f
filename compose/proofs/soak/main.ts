import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ownTmp } from '../../test/runner/own-tmp.ts'
import { commandOf, numberOf, wordsOf } from '../wrong-use.ts'
import { plot } from './plot.ts'
import { document, failures, judgedFrom, resultOf, wholeFrom } from './report.ts'
import { runSoak } from './run.ts'

const usual = { minutes: '60', rate: '200' } as const
const usage = `usage: mtscope soak [--minutes N] [--rate N] [--embedded]

Runs a proxy, a collector, Kafka and Redis under a steady load of all kinds of clients, and checks that memory and descriptors do not
grow, that no client is dropped and that every total is exact. A run of ${wholeFrom / 60} minutes or more writes
compose/proofs/soak/SOAK.md and SOAK.svg; one below ${judgedFrom / 60} minutes only checks drops and totals.

  --minutes N   duration (default ${usual.minutes})
  --rate N      connections a second (default ${usual.rate})
  --embedded    one appliance without Kafka and Redis
  --help        prints this text

Exits 0 when all is well, 1 otherwise, 2 for wrong options.
`
const command = commandOf(usage)
const values = wordsOf(
  command,
  () =>
    parseArgs({
      options: {
        minutes: { type: 'string', default: usual.minutes },
        rate: { type: 'string', default: usual.rate },
        embedded: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h' },
      },
    }).values,
)
const minutes = numberOf(command, 'minutes', values.minutes, { least: 0.2, most: 1_440 })
const perSecond = numberOf(command, 'rate', values.rate, { least: 1, most: 2_000 })
const isEmbedded = values.embedded

// exit() ends the child processes, too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
ownTmp('soak')

const seconds = minutes * 60
let printedAt = Number.NEGATIVE_INFINITY
const progress = (line: string): void => {
  if (performance.now() - printedAt < 30_000) return
  printedAt = performance.now()
  process.stderr.write(`${line}\n`)
}
const soak = await runSoak({ seconds, perSecond, isEmbedded, everySeconds: 5, progress })
process.stdout.write(`${resultOf(soak, seconds)}\n`)
if (seconds >= wholeFrom) {
  const options = [
    values.minutes === usual.minutes ? '' : ` --minutes ${minutes}`,
    values.rate === usual.rate ? '' : ` --rate ${perSecond}`,
    isEmbedded ? ' --embedded' : '',
  ].join('')
  const after = options === '' ? '' : ` --${options}`
  writeFileSync(new URL('SOAK.md', import.meta.url), document(soak, seconds, perSecond, after))
  writeFileSync(new URL('SOAK.svg', import.meta.url), plot(soak.programs))
}
const wrong = failures(soak, seconds)
for (const line of wrong) process.stderr.write(`${line}\n`)
process.exit(wrong.length > 0 ? 1 : 0)
