import type { ChildProcess } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { endGroup, forget, isEmpty, startGroup } from './process-groups.ts'
import { type Outcome, verdict } from './verdict.ts'

export type Task = {
  readonly name: string
  readonly command: readonly string[]
  readonly limitMs: number
  /** `uvu`: tests are counted from uvu's closing lines. `exit`: exit code 0 is one passed test. */
  readonly counts: 'uvu' | 'exit'
}

export type Result = Outcome & { readonly task: Task; readonly elapsedMs: number }

/** Keeps compiled code: hundreds of programs start, and most of their time would be compiling. Coverage needs fresh code. */
const compiled = (root: string): { readonly NODE_COMPILE_CACHE?: string } =>
  process.env.NODE_V8_COVERAGE === undefined
    ? { NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'tests') }
    : {}

const leftover = /^(?:\.|playwright|node-compile-cache)/

/** Standard output and standard error of a process in one text, as they come. */
const collect = (child: ChildProcess): { text: string } => {
  const output = { text: '' }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output.text += text
    })
  }
  return output
}

/** Its exit code; null when a signal ended it or it could not be started. */
const exitOf = (child: ChildProcess, output: { text: string }): Promise<number | null> =>
  new Promise((done) => {
    child.on('exit', (code) => done(code))
    child.on('error', (error) => {
      output.text += `${error.message}\n`
      done(null)
    })
  })

/**
 * Runs a command in a process group and a TMPDIR of its own. A task that exceeds its limit is ended with all that it
 * started; a process or file that it leaves behind makes it fail.
 */
export const runTask = async (task: Task, root: string): Promise<Result> => {
  const [command = '', ...args] = task.command
  const scratch = await mkdtemp(join(tmpdir(), 'mtscope-test-'))
  const began = performance.now()
  const child = startGroup(command, args, {
    cwd: root,
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
  const output = collect(child)
  const complaints: string[] = []
  let late: Promise<void> | null = null
  const timer = setTimeout(() => {
    complaints.push(`it took longer than ${task.limitMs / 1_000} s`)
    late = endGroup(child)
  }, task.limitMs)
  const closed = new Promise((done) => child.once('close', done))
  const code = await exitOf(child, output)
  clearTimeout(timer)
  const elapsedMs = performance.now() - began
  await late
  if (!(await isEmpty(child))) {
    complaints.push('it left processes behind')
    await endGroup(child)
  }
  forget(child)
  // The last lines may still be on their way; a process that left the group could hold the pipe open.
  await Promise.race([closed, wait(1_000, null, { ref: false })])
  const left = (await readdir(scratch)).filter((name) => !leftover.test(name))
  if (late === null && left.length > 0)
    complaints.push(`it left files behind: ${left.slice(0, 5).join(', ')}`)
  await rm(scratch, { recursive: true, force: true })
  return { task, elapsedMs, ...verdict({ counts: task.counts, code, output: output.text, complaints }) }
}
