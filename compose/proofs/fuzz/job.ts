import { fork } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Figures, Order, Report } from './child.ts'
import { keepFailed, keepNew } from './corpus.ts'
import { caseSeed } from './random.ts'
import type { Kind, Target } from './target.ts'

/** Cases of one target under the same flags of V8. */
export type Job = { readonly target: Target; readonly flags: readonly string[]; readonly cases: number }

/** Flags of V8 under which objects move and are collected all the time. */
const stress: readonly (readonly string[])[] = [
  ['--stress-compaction'],
  ['--stress-scavenge=20', '--random-gc-interval=500'],
  ['--stress-marking=20', '--stress-compaction-random', '--minor-ms'],
]

/** A part of the cases of a target of the native engine, under each of these flags. */
export const stressed = (target: Target, cases: number): readonly Job[] =>
  target.native === true
    ? stress.map((flags) => ({ target, flags, cases: Math.max(1, Math.round(cases / 1_000)) }))
    : []

export type Failure = { readonly kind: Kind; readonly seeds: readonly number[]; readonly message: string }

export type Outcome = {
  readonly job: Job
  readonly cases: number
  readonly seconds: number
  readonly failures: readonly Failure[]
  readonly counts: Readonly<Record<Kind, number>>
  readonly ownBytes: number
  readonly figures: Figures | null
}

export type Run = {
  readonly seed: number
  /** Epoch ms after which no case begins. */
  readonly until: number
  /** Whether the first input of each new outcome is kept. */
  readonly keep: boolean
  readonly corpus: string
  /** The module that exports the targets. */
  readonly module: string
  readonly wedgedMs: number
}

const childFile = join(import.meta.dirname, 'child.ts')

/** Numbers of the cases that ran when a child died. */
const runningIn = (progress: string): readonly number[] => {
  if (!existsSync(progress)) return []
  const bytes = readFileSync(progress)
  const numbers = Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => bytes.readUInt32LE(4 * i))
  return numbers.filter((number) => number > 0).map((number) => number - 1)
}

/** Runs the cases from `from` on; resolves with how the child ended. */
const runChild = (job: Job, order: Order, report: (report: Report) => void): Promise<string | null> => {
  const child = fork(childFile, [], {
    execArgv: ['--expose-gc', ...job.flags],
    env: { ...process.env, MTSCOPE_CHECK_ADDRESSES: '1' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let printed = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    printed = (printed + text).slice(-4_000)
  })
  child.on('message', (message) => report(message as Report))
  child.send(order)
  let last = ''
  let same = 0
  // A thread that hangs in one case does not change the file. The child itself ends cases that only wait.
  const beats = 20
  const watch = setInterval(
    () => {
      const now = runningIn(order.progress).join()
      same = now !== '' && now === last ? same + 1 : 0
      last = now
      if (same > beats) child.kill('SIGKILL')
    },
    (2 * order.wedgedMs) / beats,
  )
  return new Promise((resolve) => {
    child.once('close', (code, signal) => {
      clearInterval(watch)
      if (code === 0) return resolve(null)
      resolve(same > beats ? 'wedged' : `${signal ?? `exit code ${code}`}: ${printed.trim()}`)
    })
  })
}

/** Runs a job to its end, beyond crashes. `print` takes a line for each failure. */
export const runJob = async (job: Job, run: Run, print: (line: string) => void): Promise<Outcome> => {
  const { target, flags } = job
  const began = performance.now()
  const failures: Failure[] = []
  const counts: Record<Kind, number> = { crash: 0, wedged: 0, 'own-bytes': 0, difference: 0, wrong: 0 }
  let ownBytes = 0
  let cases = 0
  let figures: Figures | null = null
  const fail = (kind: Kind, seeds: readonly number[], message: string, input: Buffer | null): void => {
    counts[kind]++
    failures.push({ kind, seeds, message })
    if (counts[kind] > 10) return
    const path = input === null ? '' : `\n  kept as ${keepFailed(run.corpus, target.name, kind, input)}`
    const options = flags.length === 0 ? '' : ` --flags='${flags.join(' ')}'`
    const again = seeds.map((seed) => `\n  npm run fuzz -- --only ${target.name} --case ${seed}${options}`)
    print(`${kind} in ${target.name}: ${message}${path}${again.join('')}\n`)
  }
  const take = (report: Report): void => {
    if (report.type === 'bye') return
    if (report.type === 'done') {
      cases += report.cases
      figures = report.figures
      return
    }
    const input = Buffer.from(report.input, 'base64')
    if (report.type === 'new') {
      if (run.keep) keepNew(run.corpus, target.name, report.outcome, input)
      return
    }
    const { kind, message, bytes } = report.tried as { kind: Kind; message: string; bytes: number }
    if (kind === 'own-bytes') ownBytes += bytes
    fail(kind, [report.seed], message, input)
  }
  const progress = join(
    process.env.TMPDIR ?? tmpdir(),
    `fuzz-${process.pid}-${target.name}-${flags.join('')}`,
  )
  for (let from = 0; from < job.cases && Date.now() < run.until; ) {
    const order = { ...run, target: target.name, from, to: job.cases, progress }
    const died = await runChild(job, order, take)
    if (died === null) break
    const running = runningIn(progress)
    const seeds = running.map((index) => caseSeed(run.seed, target.name, index))
    fail(died === 'wedged' ? 'wedged' : 'crash', seeds, died, null)
    const reached = Math.max(from - 1, ...running) + 1
    cases += reached - from
    // A target that cannot even begin would die again and again.
    if (reached === from || failures.length > 100) break
    from = reached
  }
  rmSync(progress, { force: true })
  return { job, cases, seconds: (performance.now() - began) / 1_000, failures, counts, ownBytes, figures }
}

/** Why a job breaks the promise; null: it holds. */
export const broken = ({ job, cases, failures, figures }: Outcome): string | null => {
  if (failures.length > 0) return `${failures.length} failures`
  if (cases < job.cases) return `only ${cases} of ${job.cases} cases ran`
  if (figures === null) return 'no figures'
  const { before, after } = figures
  if (after.descriptors > before.descriptors)
    return `descriptors grew from ${before.descriptors} to ${after.descriptors}`
  const most = 1.5 * before.rss + 64 * 2 ** 20
  return after.rss > most ? 'RSS grew by more than half and 64 MiB' : null
}
