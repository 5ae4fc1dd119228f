import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ownTmp } from '../../test/runner/own-tmp.ts'
import { commandOf, numberOf, wordsOf } from '../wrong-use.ts'
import { document } from './report.ts'
import { failing, runScale } from './run.ts'

const whole = { nodes: 1_000, users: 1_000, partitions: 12, rows: 6, minutes: 45, live: 20 } as const
const usage = `usage: mtscope scale [--nodes N] [--users N] [--partitions N] [--rows N] [--minutes N] [--live SECONDS]

Writes the events of N proxies to a real Kafka, as fast as this machine can, lets one and then two collectors fold them into a real
Redis, and counts again: events lost, events counted twice. Prints what the proxies cost collectors, Kafka, Redis and Prometheus.
Takes about six minutes on two cores. A run with the defaults writes compose/proofs/scale/SCALE.md.

  --nodes N         proxies (default ${whole.nodes})
  --users N         users (default ${whole.users})
  --partitions N    partitions of the topic of events (default ${whole.partitions})
  --rows N          busy rows of each proxy, for one collector and again for two; each has 20 connections (default ${whole.rows})
  --minutes N       minutes of samples that are folded after them (default ${whole.minutes})
  --live SECONDS    seconds in which each proxy emits once a second (default ${whole.live})
  --help            prints this text

Exits 0 when no event was lost, none was counted twice, and the state equals a recount; 1 otherwise; 2 for wrong options.
`
const command = commandOf(usage)
const text = (value: number) => ({ type: 'string', default: `${value}` }) as const
const values = wordsOf(
  command,
  () =>
    parseArgs({
      options: {
        nodes: text(whole.nodes),
        users: text(whole.users),
        partitions: text(whole.partitions),
        rows: text(whole.rows),
        minutes: text(whole.minutes),
        live: text(whole.live),
        help: { type: 'boolean', short: 'h' },
      },
    }).values,
)
const number = (name: keyof typeof whole, most: number): number =>
  numberOf(command, name, values[name], { least: 1, most, whole: true })
const size = {
  nodes: number('nodes', 5_000),
  users: number('users', 20_000),
  partitions: number('partitions', 200),
  rows: number('rows', 200),
  minutes: number('minutes', 57),
  live: number('live', 600),
}

// exit() ends the child processes, too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
ownTmp('scale')

const since = performance.now()
const progress = (line: string): void =>
  void process.stderr.write(`${((performance.now() - since) / 1_000).toFixed(0)} s: ${line}\n`)
try {
  const outcome = await runScale({ ...size, progress })
  const why = failing(outcome)
  const written = document(outcome)
  process.stdout.write(written)
  progress(why ?? 'no event lost, none counted twice, the state equals a recount')
  const isWhole = (Object.keys(whole) as (keyof typeof whole)[]).every((name) => size[name] === whole[name])
  if (isWhole && why === null) writeFileSync(new URL('SCALE.md', import.meta.url), written)
  process.exit(why === null ? 0 : 1)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}
