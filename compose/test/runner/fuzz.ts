import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { filesOf } from '../sources/files.ts'
import { runTask } from './task.ts'

const usage = `usage: npm run fuzz [-- [--seconds N] [--seed N] [word...]]

Runs the property tests with as many random cases as fit into N seconds (60), shared out over the properties. A failure prints the
smallest input that it found and the seed that repeats it. word: only test files with one of the words in their path.
`

const { values, positionals: words } = (() => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        seconds: { type: 'string', default: '60' },
        seed: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    process.exit(2)
  }
})()
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}
const seconds = Number(values.seconds)
if (!(seconds > 0)) {
  process.stderr.write(`--seconds ${values.seconds}: give a number above 0\n\n${usage}`)
  process.exit(2)
}

const root = join(import.meta.dirname, '../../..')
const properties = (path: string): number =>
  (readFileSync(join(root, path), 'utf8').match(/\bfc\.assert\(/g) ?? []).length
const files = filesOf(root, /\.unit\.test\.ts$/)
  .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
  .map((path) => ({ path, count: properties(path) }))
  .filter(({ count }) => count > 0)
const all = files.reduce((sum, { count }) => sum + count, 0)
if (all === 0) {
  process.stderr.write(`no property test has "${words.join('" or "')}" in its path\n`)
  process.exit(2)
}

process.env.MTSCOPE_FUZZ_MS = String(Math.ceil((seconds * 1_000) / all))
if (values.seed !== undefined) process.env.FUZZ_SEED = values.seed

let cases = 0
let failed = 0
for (const { path, count } of files) {
  const load = (name: string): string[] => ['--import', join(import.meta.dirname, name)]
  const result = await runTask(
    {
      name: path,
      command: [process.execPath, ...load('leave.ts'), ...load('fuzz-limits.ts'), path],
      limitMs: 60_000 + 10_000 * seconds,
      counts: 'uvu',
    },
    root,
  )
  const tried = [...result.output.matchAll(/cases (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0)
  cases += tried
  failed += result.failed
  process.stdout.write(
    `${result.failed > 0 ? 'FAIL' : 'ok  '} ${path}: ${count} properties, ${tried} cases\n`,
  )
  if (result.failed > 0) process.stdout.write(`${result.output.trimEnd()}\n`)
}
process.stdout.write(`${cases} cases of ${all} properties in ${seconds} s, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
