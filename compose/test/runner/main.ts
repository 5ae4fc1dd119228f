import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesOf } from './files.ts'
import { prepare } from './prepare.ts'
import { endAll, type Result, runTask, type Task } from './task.ts'

// `npm test`: the linter, the compiler, then each test file in a process of its own. `npm test -- word …` runs the
// tasks whose names contain one of the words. uvu's own command is not used: see testing/verdict.ts.

const root = join(import.meta.dirname, '../../..')
const strict = process.env.CI === 'true'
const atOnce = 2
// Against what hangs: a machine that is slow for a while fails no test by it.
const limitMs = 600_000
// Ten containers, brought up twice; two systems, started from nothing five times.
const longLimitMs = 1_200_000
const bin = (name: string): string => join(root, 'node_modules', '.bin', name)

const tools: readonly Task[] = [
  {
    name: 'lint',
    command: [bin('biome'), 'ci', '--colors=off', '--error-on-warnings', '.'],
    limitMs,
    counts: 'exit',
  },
  { name: 'types', command: [bin('tsc'), '-p', '.'], limitMs, counts: 'exit' },
]

// The longest first, so that nobody is waited for at the end.
const long = (file: string): boolean => /faults|kafka|fleet|ship|alerts\.test|start\.e2e/.test(file)
const isStack = ({ name }: Pick<Task, 'name'>): boolean => name.endsWith('stack.e2e.ts')
const files = filesOf(root, /\.(?:test|e2e)\.ts$/)
const tests = [...files.filter(long), ...files.filter((file) => !long(file))].map(
  (file): Task => ({
    name: file,
    command: [process.execPath, '--import', join(root, 'compose/test/runner/leave.ts'), file],
    limitMs: /(?:stack|start)\.e2e\.ts$/.test(file) ? longLimitMs : limitMs,
    counts: 'uvu',
  }),
)

const words = process.argv.slice(2)
if (words.includes('--help') || words.includes('-h')) {
  process.stdout.write(
    'npm test [-- word...]: the linter, the compiler and every test, or those with one of the words in their names\n',
  )
  process.exit(0)
}
const chosen = [...tools, ...tests].filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
)

const show = ({ task, passed, failed, skipped, complaints, reasons, output, elapsedMs }: Result): void => {
  const counts = [`${passed} passed`, failed && `${failed} failed`, skipped && `${skipped} skipped`].filter(
    Boolean,
  )
  const mark = failed > 0 ? 'FAIL' : 'ok  '
  const lines = [
    `${mark} ${(elapsedMs / 1_000).toFixed(1).padStart(6)} s  ${task.name}: ${counts.join(', ')}`,
  ]
  lines.push(...reasons.map((reason) => `     skipped: ${reason}`))
  if (failed > 0) lines.push(...complaints.map((complaint) => `     ${complaint}`), output.trimEnd())
  process.stdout.write(`${lines.join('\n')}\n`)
}

const results: Result[] = []
// Containers are waited for most of the time: beside the others, not among them.
const [contained, others] = [
  chosen.filter(isStack).values(),
  chosen.filter((task) => !isStack(task)).values(),
]

const worker = async (queue: Iterable<Task>): Promise<void> => {
  for (const task of queue) {
    if (interrupted > 0) return
    const result = await runTask(task, root)
    results.push(result)
    show(result)
  }
}

// What runs is ended with all that it started, nothing more is begun, and the sums are still told.
let interrupted = 0
for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(name, () => {
    interrupted = code
    endAll()
  })
}

await prepare(
  chosen.filter(({ counts }) => counts === 'uvu').map(({ name }) => readFileSync(join(root, name), 'utf8')),
)

await Promise.all([worker(contained), ...Array.from({ length: atOnce }, () => worker(others))])

const sum = (field: 'passed' | 'failed' | 'skipped'): number =>
  results.reduce((total, result) => total + result[field], 0)
const [passed, skipped] = [sum('passed'), sum('skipped')]
const failed = sum('failed') + (strict ? skipped : 0)
if (strict && skipped > 0) process.stdout.write(`CI=true: ${skipped} skipped count as failed\n`)
if (chosen.length === 0) process.stdout.write(`no test has "${words.join('" or "')}" in its name\n`)
process.stdout.write(`${passed} passed, ${failed} failed, ${strict ? 0 : skipped} skipped\n`)
process.exitCode = interrupted || (failed === 0 && passed + skipped > 0 ? 0 : 1)
