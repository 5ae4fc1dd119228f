import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { filesOf } from '../sources/files.ts'
import { endOnSignals, interrupted } from './interruption.ts'
import { type Result, runTask } from './task.ts'

const usage = `usage: npm run properties [-- [--seconds N] [--seed=N] [word...]]

Runs the property tests with as many random cases as fit into N seconds (60), shared out over the properties. A failure prints the
smallest input that it found and the seed that repeats it. word: only test files with one of the words in their path.
`

type Limits = {
  readonly seconds: number
  readonly seed: string | undefined
  readonly words: readonly string[]
}

/** Throws an error whose message names the wrong option. */
const readLimits = (args: readonly string[]): Limits | 'help' => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return 'help'
  const seconds = Number(values.seconds)
  if (!(seconds > 0)) throw new Error(`--seconds ${values.seconds}: give a number above 0`)
  if (values.seed !== undefined && !/^-?\d+$/.test(values.seed))
    throw new Error(`--seed ${values.seed}: give a whole number`)
  return { seconds, seed: values.seed, words: positionals }
}

/** Unit tests with properties, and how many properties each has. */
const propertyTests = (root: string, words: readonly string[]): readonly { path: string; count: number }[] =>
  filesOf(root, /\.unit\.test\.ts$/)
    .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
    .map((path) => ({
      path,
      count: (readFileSync(join(root, path), 'utf8').match(/^\s*(?:await )?fc\.assert\(/gm) ?? []).length,
    }))
    .filter(({ count }) => count > 0)

const runFile = (root: string, path: string, seconds: number): Promise<Result> => {
  const load = (name: string): string[] => ['--import', join(import.meta.dirname, name)]
  return runTask(
    {
      name: path,
      command: [process.execPath, ...load('leave.ts'), ...load('property-limits.ts'), path],
      limitMs: 60_000 + 10_000 * seconds,
      counts: 'uvu',
    },
    root,
  )
}

/** `npm run properties` with these arguments on the tree at `root`. Returns the exit code: 1 for a failed property, 2 for wrong options. */
export const runProperties = async (root: string, args: readonly string[]): Promise<number> => {
  const refuse = (message: string): number => {
    process.stderr.write(message)
    return 2
  }
  let limits: Limits | 'help'
  try {
    limits = readLimits(args)
  } catch (error) {
    return refuse(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
  }
  if (limits === 'help') {
    process.stdout.write(usage)
    return 0
  }
  const { seconds, seed, words } = limits
  const files = propertyTests(root, words)
  const all = files.reduce((sum, { count }) => sum + count, 0)
  if (all === 0) return refuse(`no property test has "${words.join('" or "')}" in its path\n`)
  process.env.MTSCOPE_PROPERTY_MS = String(Math.ceil((seconds * 1_000) / all))
  if (seed !== undefined) process.env.PROPERTY_SEED = seed
  endOnSignals()
  let cases = 0
  let failed = 0
  for (const { path, count } of files) {
    if (interrupted() > 0) break
    const result = await runFile(root, path, seconds)
    const tried = [...result.output.matchAll(/cases (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0)
    cases += tried
    failed += result.failed
    const mark = result.failed > 0 ? 'FAIL' : 'ok  '
    process.stdout.write(`${mark} ${path}: ${count} properties, ${tried} cases\n`)
    if (result.failed > 0) process.stdout.write(`${result.output.trimEnd()}\n`)
  }
  process.stdout.write(`${cases} cases of ${all} properties in ${seconds} s, ${failed} failed\n`)
  return interrupted() || (failed === 0 ? 0 : 1)
}
