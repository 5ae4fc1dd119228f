import { readFileSync } from 'node:fs'
import { tuned, variant } from './contestants.ts'
import { withProxy } from './life.ts'
import { answerOf } from './programs.ts'
import type { Flooded, ScaleJob, ScaleResult, Step } from './scale-jobs.ts'
import type { ScaleRun } from './scale-report.ts'

type Amounts = Pick<ScaleJob, 'steps' | 'perSecond' | 'seconds'>

const threads = [1, 2, 4]
const much: Amounts = { steps: [100, 1_000, 2_500, 5_000, 9_500], perSecond: 1_000, seconds: 3 }
const little: Amounts = { ...much, steps: [100, 1_000], seconds: 1 }
const silent = { perSecond: 10_000, seconds: 5 }
/** Descriptors of a proxy apart from two for each connection: listeners, logs, pooled connections. */
const otherDescriptors = 800

/** The appliance with so many threads, its datacenter and its clients, each a process. */
export const scaled = (workers: number, amounts: Amounts, flood: ScaleJob['silent']): Promise<ScaleResult> =>
  withProxy(variant(tuned, { env: { WORKERS: `${workers}` } }), 0, async ({ pid, port, secret, domain }) => {
    const clients = { pid, port, secret: secret.toString('hex'), domain, modes: ['dd', 'ee+pq'] as const }
    const job: ScaleJob = { ...clients, ...amounts, silent: flood }
    return (await answerOf('proxy/bench/scale-load.ts', JSON.stringify(job))) as ScaleResult
  })

const descriptors = (): number =>
  Number(/^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity)

/** All numbers of threads in turn, then a flood of silent clients. */
export const scale = async (quick: boolean, measured: string): Promise<ScaleRun> => {
  const rounds = quick ? 1 : 3
  const amounts = quick ? little : much
  const most = (descriptors() - otherDescriptors) / 2
  const steps = amounts.steps.filter((connections) => connections <= most)
  const start = performance.now()
  const seconds = (): number => (performance.now() - start) / 1000
  const results = new Map<number, Step[][]>(threads.map((workers) => [workers, []]))
  for (let round = 1; round <= rounds; round++)
    for (const workers of threads) {
      results.get(workers)?.push([...(await scaled(workers, { ...amounts, steps }, null)).steps])
      process.stderr.write(`round ${round} of ${rounds}: ${workers} threads, ${seconds().toFixed(0)} s\n`)
    }
  const floods: Flooded[] = []
  for (let round = 1; round <= rounds; round++) {
    const { flooded } = await scaled(2, { ...amounts, steps: [1_000] }, silent)
    if (flooded) floods.push(flooded)
    process.stderr.write(`silent clients ${round} of ${rounds}: ${seconds().toFixed(0)} s\n`)
  }
  const leftOut = amounts.steps.filter((connections) => !steps.includes(connections))
  const { perSecond } = amounts
  const command = `mtscope bench --scale${quick ? ' --quick' : ''}`
  return { command, measured, rounds, seconds: seconds(), perSecond, results, floods, leftOut }
}
