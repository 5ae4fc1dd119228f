import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { treeOf } from './usage.ts'

/** Counts the system calls of processes: starts to count, and returns the count when it is ended. */
type Counter = (pids: readonly number[]) => Promise<() => Promise<number>>

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a counting program. Resolves when it has printed a line that matches; throws when it ends before. */
const counting = async (
  command: string,
  args: readonly string[],
  attached: RegExp,
): Promise<() => Promise<string[]>> => {
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  })
  running.add(child)
  const lines: string[] = []
  const ready = Promise.withResolvers<void>()
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line)
    if (attached.test(line)) ready.resolve()
  })
  child.once('error', ready.reject)
  const closed = once(child, 'close').finally(() => running.delete(child))
  closed.then(() => ready.reject(new Error(`${command}: ${lines.join(' ')}`)), ready.reject)
  await ready.promise
  return async () => {
    child.kill('SIGINT')
    await closed
    return lines
  }
}

const sum = (lines: readonly string[], row: RegExp): number =>
  lines.reduce((total, line) => total + Number(row.exec(line)?.[1] ?? 0), 0)

/** Costs the processes little. Prints a count each 100 ms, the first when it has attached; none while they sleep. */
const perf: Counter = async (pids) => {
  const args = ['stat', '-x,', '-I', '100', '-e', 'raw_syscalls:sys_enter', '-p', pids.join(',')]
  const end = await counting('perf', args, /^\s*[\d.]+,/)
  return async () => sum(await end(), /^\s*[\d.]+,(\d+),/)
}

/** Stops the processes at each call, so that they need more time and fewer calls. */
const strace: Counter = async (pids) => {
  const args = ['-f', '-c', '-U', 'calls,name', ...pids.flatMap((pid) => ['-p', `${pid}`])]
  const end = await counting('strace', args, /attached/)
  return async () => sum(await end(), /^\s*(\d+)\s+(?!total)\w+$/)
}

/** System calls of a process tree during some work. Throws when neither `perf` nor `strace` can count. */
export const systemCalls = async (pid: number, work: () => Promise<unknown>): Promise<number> => {
  const pids = treeOf(pid)
  const end = await perf(pids).catch(async (noPerf) =>
    strace(pids).catch((noStrace) => {
      throw new Error(`no system call can be counted: ${noPerf.message}; ${noStrace.message}`)
    }),
  )
  await work()
  return end()
}
