import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Outcome, verdict } from './verdict.ts'

export type Task = {
  readonly name: string
  readonly command: readonly string[]
  readonly limitMs: number
  /** uvu: the facts are counted from its closing lines. exit: the exit code is one fact. */
  readonly counts: 'uvu' | 'exit'
}

export type Result = Outcome & { readonly task: Task; readonly elapsedMs: number }

const graceMs = 5_000
const running = new Set<ChildProcess>()

const signal = (child: ChildProcess, name: NodeJS.Signals | 0): boolean => {
  if (child.pid === undefined) return false
  try {
    return process.kill(-child.pid, name)
  } catch {
    return false // nobody is left in the group
  }
}

/** Ends a process and all that it started: politely, so that browsers go too, then for good. */
const end = async (child: ChildProcess): Promise<void> => {
  signal(child, 'SIGTERM')
  for (let waited = 0; waited < graceMs && signal(child, 0); waited += 50) await wait(50)
  signal(child, 'SIGKILL')
}

/** For an interrupted run. */
export const endAll = async (): Promise<void> => {
  await Promise.all([...running].map(end))
}

/** What Node compiles is kept: some hundred programs start, and most of that would be compiling. Coverage asks for fresh code. */
const compiled = (root: string): { readonly NODE_COMPILE_CACHE?: string } =>
  process.env.NODE_V8_COVERAGE === undefined
    ? { NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'tests') }
    : {}

const leftover = /^(?:\.|playwright|node-compile-cache)/

/**
 * Runs a command in a process group and a TMPDIR of its own. Late ones are ended with all that they started; what
 * lives or lies about afterwards is a failure.
 */
export const runTask = async (task: Task, root: string): Promise<Result> => {
  const [command = '', ...args] = task.command
  const scratch = await mkdtemp(join(tmpdir(), 'mtscope-test-'))
  const began = performance.now()
  const child = spawn(command, args, {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...compiled(root),
      TMPDIR: scratch,
      NO_COLOR: '1',
      FORCE_COLOR: '0',
      MTSCOPE_TEST_BUILD: 'no',
    },
  })
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const complaints: string[] = []
  let late: Promise<void> | null = null
  const timer = setTimeout(() => {
    complaints.push(`it took longer than ${task.limitMs / 1_000} s`)
    late = end(child)
  }, task.limitMs)
  const code = await new Promise<number | null>((done) => {
    child.on('exit', (exitCode) => done(exitCode))
    child.on('error', (error) => {
      output += `${error.message}\n`
      done(null)
    })
  })
  clearTimeout(timer)
  const elapsedMs = performance.now() - began
  await late
  // Children that were told to end may need a moment to be gone.
  for (let waited = 0; waited < graceMs && signal(child, 0); waited += 50) await wait(50)
  if (signal(child, 0)) {
    complaints.push('it left processes behind')
    await end(child)
  }
  running.delete(child)
  const left = (await readdir(scratch)).filter((name) => !leftover.test(name))
  if (late === null && left.length > 0)
    complaints.push(`it left files behind: ${left.slice(0, 5).join(', ')}`)
  await rm(scratch, { recursive: true, force: true })
  return { task, elapsedMs, ...verdict({ counts: task.counts, code, output, complaints }) }
}
