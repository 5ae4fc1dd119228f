import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { filesOf } from '../sources/files.ts'
import { needsOf, prepare } from './needs.ts'
import { show, showSums } from './report.ts'
import { endAll, type Result, runTask, type Task } from './task.ts'
import { watchFiles } from './watch.ts'

const usage = `usage: npm test [-- [--unit] [--int] [--e2e] [--all] [--watch] [word...]]

Runs the linter, the compiler and every test file in a process of its own. Installs the servers that the tests need.

  --unit   only *.unit.test.ts: no process, no server, no socket beyond loopback
  --int    only *.int.test.ts: real servers (Redis, Kafka, Prometheus, Docker) and processes
  --e2e    only *.e2e.test.ts: whole programs against real servers
  --all    also tests that need programs built from source, and builds those; so does CI=true
  --watch  runs again when a file changes, until Ctrl-C
  word     only tasks with one of the words in their name

With CI=true a skipped test counts as a failed one. npm run test:unit, test:int, test:e2e, test:all and test:watch are short forms.
`

const kinds = ['unit', 'int', 'e2e'] as const
const read = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        ...(Object.fromEntries(kinds.map((kind) => [kind, { type: 'boolean' }])) as Record<
          (typeof kinds)[number],
          { type: 'boolean' }
        >),
        all: { type: 'boolean' },
        watch: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    process.exit(2)
  }
}
const { values: options, positionals: words } = read()
if (options.help) {
  process.stdout.write(usage)
  process.exit(0)
}

const root = join(import.meta.dirname, '../../..')
const strict = process.env.CI === 'true'
const build = strict || options.all === true
const atOnce = 2
// Against tests that hang: a slow machine fails no test by it.
const limitMs = 600_000
// Ten containers, started twice.
const stackLimitMs = 1_200_000
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

const isStack = ({ name }: Pick<Task, 'name'>): boolean => name.endsWith('stack.e2e.test.ts')
const chosenKinds = kinds.filter((kind) => options[kind])
const ofKind = new RegExp(`\\.(?:${(chosenKinds.length > 0 ? chosenKinds : kinds).join('|')})\\.test\\.ts$`)

const tasks = (): readonly Task[] => {
  const tests = filesOf(root, ofKind).map(
    (name): Task => ({
      name,
      command: [process.execPath, '--import', join(root, 'compose/test/runner/leave.ts'), name],
      limitMs: isStack({ name }) ? stackLimitMs : limitMs,
      counts: 'uvu',
    }),
  )
  const matches = ({ name }: Task): boolean => words.length === 0 || words.some((word) => name.includes(word))
  return [...(chosenKinds.length > 0 ? [] : tools), ...tests].filter(matches)
}

// The longest first, so that the last one does not run alone.
const slow = /e2e\.test|faults|kafka|fleet|ship/
const byLength = (a: Task, b: Task): number => Number(slow.test(b.name)) - Number(slow.test(a.name))

let interrupted = 0
let endPreparation = (): void => {}
// Ends what runs with all its children and begins nothing more; the sums are printed all the same.
for (const [name, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(name, () => {
    interrupted = code
    endPreparation()
    endAll()
  })
}

/** Runs these tasks, each as soon as its servers are there. Fewer `atOnce` run side by side than the machine has cores. */
const run = async (chosen: readonly Task[]): Promise<number> => {
  const needs = needsOf(
    root,
    chosen.filter(({ counts }) => counts === 'uvu').map(({ name }) => name),
  )
  const needed = (task: Task): readonly string[] => needs.get(task.name) ?? []
  const preparation = prepare(new Set([...needs.values()].flat()), build)
  endPreparation = preparation.end
  const results: Result[] = []
  const worker = async (queue: Task[]): Promise<void> => {
    while (queue.length > 0 && interrupted === 0) {
      const at = queue.findIndex((task) => preparation.isReady(needed(task)))
      if (at < 0) {
        await Promise.race(queue.map((task) => preparation.ready(needed(task))))
        continue
      }
      const [task] = queue.splice(at, 1)
      const result = await runTask(task!, root)
      results.push(result)
      show(result)
    }
  }
  // Containers are waited for most of the time, so their test runs beside the others.
  const contained = chosen.filter(isStack)
  const others = chosen.filter((task) => !isStack(task)).sort(byLength)
  await Promise.all([worker(contained), ...Array.from({ length: atOnce }, () => worker(others))])
  preparation.end()
  if (chosen.length === 0) process.stdout.write(`no test has "${words.join('" or "')}" in its name\n`)
  return showSums(results, strict)
}

if (options.watch)
  await watchFiles(
    root,
    () => run(tasks()),
    () => interrupted > 0,
  )
else process.exitCode = await run(tasks())
if (interrupted > 0) process.exitCode = interrupted
