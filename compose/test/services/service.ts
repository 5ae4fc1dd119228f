import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../until.ts'

/** A test server: a process on loopback with a folder of its own. Disposing removes both. */
export type Service = AsyncDisposable & {
  readonly pid: number
  readonly folder: string
  /** The last 20,000 characters of its output, for error messages. */
  readonly printed: () => string
  /** Sends SIGKILL, as a power failure would. Resolves when the process has ended. */
  kill(): Promise<void>
  /** Sends SIGTERM. Resolves when the process has ended. */
  stop(): Promise<void>
  /** Starts it again on the same data and ports. Resolves when it is ready. */
  start(): Promise<void>
  /** Sends SIGSTOP: the process keeps its connections and does not answer. */
  freeze(): void
  thaw(): void
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Whether a process accepts connections on the port. */
export const accepts = (port: number): Promise<boolean> => {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(port, '127.0.0.1')
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}

/** Starts `command`; `args` gets its folder. Resolves when `ready`, called every 20 ms, returns true. */
export const startService = async (options: {
  readonly name: string
  readonly command: string
  readonly args: (folder: string) => readonly string[]
  readonly ready: (printed: string) => boolean | Promise<boolean>
  readonly readyMs?: number
  readonly env?: NodeJS.ProcessEnv
}): Promise<Service> => {
  const folder = mkdtempSync(join(tmpdir(), `mtscope-${options.name}-`))
  let child: ChildProcess | null = null
  let printed = ''
  const receive = (chunk: Buffer): void => {
    printed = (printed + chunk.toString()).slice(-20_000)
  }

  const start = async (): Promise<void> => {
    printed = ''
    const started = spawn(options.command, options.args(folder), {
      cwd: folder,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = started
    running.add(started)
    started.once('close', () => running.delete(started))
    started.stdout?.on('data', receive)
    started.stderr?.on('data', receive)
    await until(
      () => {
        if (started.exitCode !== null) throw new Error(`${options.name} ended:\n${printed}`)
        return options.ready(printed)
      },
      `${options.name} answers`,
      options.readyMs ?? 60_000,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${printed}`)
    })
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child
    child = null
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return
    const closed = once(ending, 'close')
    ending.kill(signal)
    await closed
  }
  const dispose = async (): Promise<void> => {
    await end('SIGKILL')
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
  try {
    await start()
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    get pid() {
      return child?.pid ?? 0
    },
    folder,
    printed: () => printed,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    start,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    [Symbol.asyncDispose]: dispose,
  }
}
