import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { lean } from '../app/runtime-flags.ts'

const root = join(import.meta.dirname, '..', '..')
const readyMs = 30_000
/** A run takes a minute on a quiet machine. */
const answerMs = 600_000
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export type Started = AsyncDisposable & { readonly port: number; readonly pid: number }

/** Starts a program; resolves with its port when it prints its ready line. Disposing ends it. */
export const startProgram = async (
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
  readyLine = /ready/,
): Promise<Started> => {
  const child = spawn(process.execPath, [join(root, program), ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...lean(root), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  const printed: string[] = []
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      running.delete(child)
      resolve()
    })
  })
  createInterface({ input: child.stderr }).on('line', (line) => printed.push(line))
  const found = new Promise<number>((resolve, reject) => {
    const fail = (what: string): void => reject(new Error(`${program} ${what}:\n${printed.join('\n')}`))
    const timer = setTimeout(() => fail('was not ready in time'), readyMs)
    createInterface({ input: child.stdout }).on('line', (line) => {
      printed.push(line)
      const port = /\bready\b.* ?\bport=(\d+)/.exec(line)?.[1]
      if (port === undefined) return
      clearTimeout(timer)
      if (readyLine.test(line)) resolve(Number(port))
      else fail(`is ready, but its line does not match ${readyLine}`)
    })
    child.once('close', (code) => {
      clearTimeout(timer)
      fail(`ended with ${code} before it was ready`)
    })
  })
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  try {
    return { port: await found, pid: child.pid!, [Symbol.asyncDispose]: kill }
  } catch (error) {
    await kill()
    throw error
  }
}

/** Runs a program to its end and parses its output as JSON. Throws unless it exits with 0. */
export const answerOf = async (program: string, argument: string): Promise<unknown> => {
  const child = spawn(process.execPath, [join(root, program), argument], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: answerMs,
    killSignal: 'SIGKILL',
  })
  running.add(child)
  let text = ''
  child.stdout.on('data', (bytes: Buffer) => {
    text += bytes
  })
  const [code] = (await once(child, 'close')) as [number | null]
  running.delete(child)
  if (code !== 0) throw new Error(`${program} ended with ${code}`)
  return JSON.parse(text)
}
