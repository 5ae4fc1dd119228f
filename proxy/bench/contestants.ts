import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { lean } from '../app/runtime-flags.ts'
import { tlsDomain } from './far-ends.ts'

export type Contestant = {
  readonly name: string
  /** Description in the report. */
  readonly what: string
  readonly program: string
  readonly env: Readonly<Record<string, string>>
  /** True for a proxy; false for a program that forwards any bytes. */
  readonly proxy: boolean
  /** Matches the line that the program prints when it is ready with the intended engine. */
  readonly readyLine: RegExp
}

const untuned = {
  FAST_MODE: 'false',
  MAX_CONNS_IN_POOL: '0',
  TO_CLT_BUFSIZE: '16384,0,16384',
  TO_TG_BUFSIZE: '16384',
}

export const contestants: readonly Contestant[] = [
  {
    name: 'tuned',
    what: 'the appliance as `npm start` runs it: two threads, telemetry and collector on (`compose/appliance.ts`)',
    program: 'compose/appliance.ts',
    env: {},
    proxy: true,
    readyLine: /engine=native/,
  },
  {
    name: 'no telemetry',
    what:
      'the relay threads of “tuned” alone (`proxy/bench/bare.ts`): events are dropped at their source; not encoded, ' +
      'posted, logged or folded; no OpenTelemetry, HTTP server, sampler or collector',
    program: 'proxy/bench/bare.ts',
    env: {},
    proxy: true,
    readyLine: /engine=native/,
  },
  {
    name: 'un-tuned',
    what: `the appliance with ${Object.entries(untuned)
      .map(([name, value]) => `\`${name}=${value}\``)
      .join(', ')}`,
    program: 'compose/appliance.ts',
    env: untuned,
    proxy: true,
    readyLine: /engine=native/,
  },
  {
    name: 'portable',
    what: '“tuned” on `node:net` (`PORTABLE_RELAY=true`), as on systems without epoll or FFI',
    program: 'compose/appliance.ts',
    env: { PORTABLE_RELAY: 'true' },
    proxy: true,
    readyLine: /engine=portable/,
  },
  {
    name: 'pipe',
    what: 'two sockets joined by `pipe` in one thread of Node (`proxy/bench/pipe.ts`): no protocol, nothing checked',
    program: 'proxy/bench/pipe.ts',
    env: {},
    proxy: false,
    readyLine: /ready/,
  },
]

const root = join(import.meta.dirname, '..', '..')
const readyMs = 30_000
/** A run takes 20 s on a quiet machine. */
const answerMs = 180_000
const running = new Set<ChildProcess>()
const folders = new Set<string>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
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

/** Starts a contestant as a new process with new data, in front of the datacenter at that port. */
export const startContestant = async (
  { program, env, readyLine }: Contestant,
  datacenterPort: number,
  secret: string,
): Promise<Started> => {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'mtscope-bench-'))
  folders.add(folder)
  stack.defer(async () => {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
    folders.delete(folder)
  })
  const settings = {
    MTPROTO_PORT: '0',
    MTPROTO_HOST: '127.0.0.1',
    METRICS_PORT: '0',
    DATA_DIR: join(folder, 'data'),
    USER1_SECRET: secret,
    TLS_DOMAIN: tlsDomain,
    MASK_HOST: 'off',
    PROBE_INTERVAL: '0',
    DOCTOR_INTERVAL: '0',
    PUBLIC_HOST_FROM: 'none',
    WORKERS: '2',
    TELEGRAM_DATACENTERS: `2=127.0.0.1:${datacenterPort}`,
    ...env,
  }
  const started = stack.use(await startProgram(program, [`${datacenterPort}`], settings, folder, readyLine))
  const owned = stack.move()
  return { port: started.port, pid: started.pid, [Symbol.asyncDispose]: () => owned.disposeAsync() }
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
