import { setTimeout as after } from 'node:timers/promises'
import { type Connection, openAll, opened } from './connection.ts'
import { prepareAll } from './connections.ts'
import { prepare } from './far-ends.ts'
import { answerOf } from './programs.ts'
import { exchange } from './rates.ts'
import type { Flooded, ScaleJob, ScaleResult, SilentResult, Step } from './scale-jobs.ts'
import { rssBytes } from './usage.ts'

// The load generator of `mtscope bench --scale`, a separate process: `node scale-load.ts JOB` writes a ScaleResult as JSON.

const job = JSON.parse(process.argv[2]!) as ScaleJob
const { pid, port, domain, modes } = job
const target = { pid, port, secret: Buffer.from(job.secret, 'hex'), domain }
const parallel = 32
const settleMs = 1_000
const newcomers = 50
const newcomerMs = 15_000

const open: Connection[] = []
const grow = async (to: number): Promise<void> => {
  await openAll(port, prepareAll(target, modes, to - open.length), parallel, (connection) => {
    open.push(connection)
  })
  await after(settleMs)
}

const step = async (connections: number): Promise<Step> => {
  await grow(connections)
  const count = Math.round(job.perSecond * job.seconds)
  const { cpuShare, p50, p99 } = await exchange(target, open, count, job.perSecond)
  return { connections, cpuShare, p50, p99, rss: rssBytes(pid) }
}

/** True when a new client gets its first answer. */
const served = async (): Promise<boolean> => {
  const late = after(newcomerMs, false, { ref: false })
  const connection = opened(port, prepare(modes[0]!, target)).then(
    (one) => {
      one.close()
      return true
    },
    () => false,
  )
  return Promise.race([connection, late])
}

const flooded = async (silent: NonNullable<ScaleJob['silent']>): Promise<Flooded> => {
  const inside = open.length
  const rate = job.perSecond / 5
  const before = await exchange(target, open, Math.round(rate * job.seconds), rate)
  const rssBefore = rssBytes(pid)
  const flood = answerOf('proxy/bench/silent.ts', JSON.stringify({ ...silent, port }))
  const during = exchange(target, open, Math.round(rate * silent.seconds), rate).catch(() => null)
  const arrivals: Promise<boolean>[] = []
  for (let i = 0; i < newcomers; i++) {
    arrivals.push(served())
    await after((silent.seconds * 1000) / newcomers)
  }
  const result = (await flood) as SilentResult
  const messages = await during
  const came = await Promise.all(arrivals)
  return {
    ...result,
    inside,
    lost: open.filter(({ socket }) => socket.destroyed).length,
    newcomers,
    served: came.filter(Boolean).length,
    p99Before: before.p99,
    p99During: messages?.p99 ?? Number.NaN,
    cpuShare: messages?.cpuShare ?? Number.NaN,
    rssBefore,
    rssAfter: rssBytes(pid),
  }
}

const steps: Step[] = []
for (const connections of job.steps) steps.push(await step(connections))
const result: ScaleResult = { steps, flooded: job.silent && (await flooded(job.silent)) }
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
