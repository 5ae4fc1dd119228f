import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ownTmp } from '../../test/runner/own-tmp.ts'
import { commandOf, named, numberOf, wordsOf } from '../wrong-use.ts'
import { corpus } from './corpus.ts'
import { broken, type Job, type Outcome, runJob, stressed } from './job.ts'
import { randomOf } from './random.ts'
import type { Opened, Target } from './target.ts'
import { targets } from './targets.ts'
import { tryInput } from './try.ts'

const usage = `usage: mtscope fuzz [--only WORD] [--cases N] [--seed N] [--minutes N] [--keep]
       mtscope fuzz --only TARGET (--case SEED | --file PATH) [--flags='FLAGS']

Sends seeded random input to everything that reads bytes of others, and to the relay on both engines through real sockets; refuses
system calls under the native engine; and repeats a part under V8 flags that collect garbage all the time. A failing case prints
the command that repeats it, and is kept in compose/proofs/fuzz/corpus, which npm test runs.

  --only WORD      only targets whose names contain WORD
  --cases N        cases of all targets together (default 1000000)
  --seed N         repeats a run (default: random)
  --minutes N      begins no case after N minutes (default 60)
  --keep           keeps the first input of each new outcome in the corpus
  --case SEED      runs one case of one target, and prints its outcome
  --file PATH      runs the input in a file, and prints its outcome
  --flags='FLAGS'  runs the cases under these flags of V8 only
  --help           prints this text

Exits 0 when there was no crash, no wedged thread, no own byte at an unauthenticated client, no difference to the masking host, no
growing number of descriptors, and every case ran; 1 otherwise; 2 for wrong options.
`
/** Longest time of one case, far beyond any that ends. */
const wedgedMs = 60_000

const command = commandOf(usage)
const values = wordsOf(
  command,
  () =>
    parseArgs({
      options: {
        only: { type: 'string', default: '' },
        cases: { type: 'string', default: '1000000' },
        seed: { type: 'string', default: String(randomInt(2 ** 31)) },
        minutes: { type: 'string', default: '60' },
        keep: { type: 'boolean', default: false },
        case: { type: 'string' },
        file: { type: 'string' },
        flags: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values,
)
const inSeeds = { least: 0, most: 2 ** 32 - 1, whole: true }
const cases = numberOf(command, 'cases', values.cases, { least: 1, most: 1e9, whole: true })
const seed = numberOf(command, 'seed', values.seed, inSeeds)
const minutes = numberOf(command, 'minutes', values.minutes, { least: 0.01, most: 10_000 })
const oneCase = values.case === undefined ? null : numberOf(command, 'case', values.case, inSeeds)
const chosen = named(command, targets, values.only).filter(({ runs }) => runs !== false)

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

/** The one input that the options name, if they do. */
const inputOf = (opened: Opened): Buffer | null => {
  if (oneCase !== null) return opened.make(randomOf(oneCase))
  return values.file === undefined ? null : readFileSync(values.file)
}

const runOne = async (target: Target): Promise<number> => {
  const opened = await target.open()
  const input = inputOf(opened)!
  const tried = await tryInput(opened, input, wedgedMs)
  await opened.close?.()
  process.stdout.write(`${target.name}, ${input.length} bytes: ${JSON.stringify(tried)}\n`)
  return 'kind' in tried ? 1 : 0
}

const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)
const columns: readonly (readonly [string, (of: Outcome) => string])[] = [
  ['target', ({ job }) => [job.target.name, ...job.flags].join(' ')],
  ['cases', (of) => String(of.cases)],
  ['seconds', (of) => of.seconds.toFixed(0)],
  ['crashes', (of) => String(of.counts.crash)],
  ['wedged', (of) => String(of.counts.wedged)],
  ['own bytes', (of) => String(of.ownBytes)],
  ['differences', (of) => String(of.counts.difference + of.counts['own-bytes'])],
  ['other failures', (of) => String(of.counts.wrong)],
  [
    'descriptors',
    ({ figures: f }) => (f === null ? '?' : `${f.before.descriptors} → ${f.after.descriptors}`),
  ],
  [
    'RSS, MiB',
    ({ figures: f }) => (f === null ? '?' : `${megabytes(f.before.rss)} → ${megabytes(f.after.rss)}`),
  ],
]

const jobsOf = (): readonly Job[] => {
  const all = targets.reduce((sum, { share }) => sum + share, 0)
  const sum = chosen.length === targets.length ? all : chosen.reduce((total, { share }) => total + share, 0)
  const flags = values.flags?.split(' ') ?? []
  const plain = chosen.map((target) => ({
    target,
    flags,
    cases: Math.max(1, Math.round((cases * target.share) / sum)),
  }))
  const more = values.flags === undefined ? chosen.flatMap((target) => stressed(target, cases)) : []
  // The slow ones first, so that none of them runs alone at the end.
  return [...plain, ...more].sort((a, b) => (b.target.together ?? 1) - (a.target.together ?? 1))
}

const runAll = async (): Promise<number> => {
  ownTmp('fuzz')
  const began = performance.now()
  const run = {
    seed,
    until: Date.now() + minutes * 60_000,
    keep: values.keep,
    corpus,
    module: import.meta.resolve('./targets.ts'),
    wedgedMs,
  }
  process.stderr.write(`seed ${seed}\n`)
  const waiting = [...jobsOf()]
  const outcomes: Outcome[] = []
  const worker = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const outcome = await runJob(job, run, (line) => process.stderr.write(line))
      outcomes.push(outcome)
      const why = broken(outcome)
      process.stderr.write(`${columns[0]![1](outcome)}: ${outcome.cases} cases, ${why ?? 'passed'}\n`)
    }
  }
  await Promise.all([worker(), worker()])
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`
  process.stdout.write(row(columns.map(([name]) => name)) + row(columns.map(() => '---')))
  for (const outcome of outcomes) process.stdout.write(row(columns.map(([, of]) => of(outcome))))
  const total = outcomes.reduce((sum, of) => sum + of.cases, 0)
  const failed = outcomes.filter((of) => broken(of) !== null).length
  const seconds = ((performance.now() - began) / 1_000).toFixed(0)
  process.stdout.write(
    `${total} cases in ${seconds} s, seed ${seed}: ${failed === 0 ? 'passed' : `${failed} targets failed`}\n`,
  )
  return failed === 0 ? 0 : 1
}

const isOne = oneCase !== null || values.file !== undefined
const target = chosen.find(({ name }) => name === values.only)
if (isOne && target === undefined)
  command.refuse('--case and --file need --only with the whole name of a target')
process.exit(isOne ? await runOne(target!) : await runAll())
