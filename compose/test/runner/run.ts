import { availableParallelism } from 'node:os'
import { endOnSignals, interrupted } from './interruption.ts'
import { needsOf, readSources } from './needs.ts'
import { type Options, readOptions } from './options.ts'
import { prepare } from './preparation.ts'
import { show, showSums } from './report.ts'
import { schedule } from './schedule.ts'
import { type Result, runTask, type Task } from './task.ts'
import { isStack, tasksOf } from './tasks.ts'
import { watchFiles } from './watch.ts'

// A test waits for about half of its time: two for each core keep the cores busy.
const limit = 2 * availableParallelism()

/**
 * Runs these tasks, each as soon as its test servers are installed: two for each core at a time, and the test of the stack next
 * to them.
 */
const runTasks = async (root: string, tasks: readonly Task[], options: Options): Promise<number> => {
  const tests = tasks.filter(({ counts }) => counts === 'uvu').map(({ name }) => name)
  const needs = needsOf(tests, readSources(root))
  const preparation = prepare(new Set([...needs.values()].flat()), options.build)
  const needed = ({ name }: Task): readonly string[] => needs.get(name) ?? []
  const readiness = {
    isReady: (task: Task) => preparation.isReady(needed(task)),
    ready: (task: Task) => preparation.ready(needed(task)),
  }
  const results: Result[] = []
  const run = async (task: Task): Promise<void> => {
    const result = await runTask(task, root)
    results.push(result)
    show(result)
  }
  const stopped = (): boolean => interrupted() > 0
  await Promise.all([
    schedule(tasks.filter(isStack), 1, readiness, run, stopped),
    schedule(
      tasks.filter((task) => !isStack(task)),
      limit,
      readiness,
      run,
      stopped,
    ),
  ])
  if (tasks.length === 0) process.stdout.write(`no test has "${options.words.join('" or "')}" in its name\n`)
  return showSums(results, options.strict)
}

/** `npm test` with these arguments on the tree at `root`. Sets the exit code. */
export const runTests = async (root: string, args: readonly string[]): Promise<void> => {
  const options = readOptions(args, process.env)
  if ('exit' in options) {
    const stream = options.exit === 0 ? process.stdout : process.stderr
    stream.write(options.text)
    process.exitCode = options.exit
    return
  }
  endOnSignals()
  const run = (): Promise<number> => runTasks(root, tasksOf(root, options), options)
  if (options.watch) await watchFiles(root, run, () => interrupted() > 0)
  else process.exitCode = await run()
  if (interrupted() > 0) process.exitCode = interrupted()
}
