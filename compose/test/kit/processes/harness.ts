import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Status } from '../../../../collector/read/status.ts'
import { freePorts } from '../../services/ports.ts'
import { newSecret } from '../client/client.ts'
import type { FakeDatacenter } from '../servers/fake-datacenter.ts'
import { type Site, siteName, tlsSite } from '../servers/site.ts'

export type ApplianceOptions = {
  /** Program to run; the appliance by default. */
  program?: 'compose/appliance.ts' | 'proxy/main.ts' | 'collector/main.ts'
  /** Settings in addition to the defaults below; undefined removes one. */
  env?: Readonly<Record<string, string | undefined>>
  /** Datacenter by number, as in TELEGRAM_DATACENTERS (-2 for media of 2). */
  datacenters?: Readonly<Record<string, FakeDatacenter | readonly { address: string }[]>>
  /** The masking host; by default a new one. */
  site?: Site
  /** `ulimit -n` of the process. */
  nofile?: number
  /** Content of `.env` in the working directory. */
  dotenv?: string
  /** Gets each line of stdout. */
  starting?: (line: string, signal: (name: NodeJS.Signals) => void) => void
}

export type Appliance = AsyncDisposable & {
  readonly port: number
  readonly metricsUrl: string
  readonly pid: number
  secret: string
  site: Site
  /** Working directory, where it reads `.env`; DATA_DIR is `data` in it. */
  folder: string
  /** The lines printed so far: stdout, and stderr behind `! `. */
  lines: readonly string[]
  status: () => Promise<Status>
  /** The text of `/metrics`. */
  metrics: () => Promise<string>
  /** Sum of the samples of a metric whose labels contain the given ones. */
  metric: (name: string, labels?: Readonly<Record<string, string>>) => Promise<number>
  rssBytes: () => Promise<number>
  /** User and system CPU of the process so far, seconds. */
  cpuSeconds: () => Promise<number>
  signal: (name: NodeJS.Signals) => void
  /** Sends the signal and waits for the end. Resolves with the exit code; null when a signal killed the process. */
  stop: (name?: NodeJS.Signals) => Promise<number | null>
  /** Starts it again on the same data, after `stop`. The ports may change. */
  start: () => Promise<void>
}

const root = join(import.meta.dirname, '../../../..')
const startMs = 60_000
const stopMs = 60_000
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

const directory = (datacenters: NonNullable<ApplianceOptions['datacenters']>): string =>
  Object.entries(datacenters)
    .flatMap(([id, there]) =>
      (Array.isArray(there) ? there : [there]).map(({ address }) => `${id}=${address}`),
    )
    .join(',')

/** Settings of a quiet appliance on loopback, with those of `options` on top. */
const environmentOf = async (
  folder: string,
  site: Site,
  secret: string,
  options: ApplianceOptions,
): Promise<Record<string, string | undefined>> => ({
  PATH: process.env.PATH,
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
  // Not 0: another process may take a port that the kernel has chosen before the workers listen on it.
  MTPROTO_PORT: `${await freePort()}`,
  MTPROTO_HOST: '127.0.0.1',
  METRICS_PORT: '0',
  COLLECTOR_PORT: '0',
  DATA_DIR: join(folder, 'data'),
  USER1_SECRET: secret,
  MODES: 'classic,secure,tls',
  TLS_DOMAIN: siteName,
  MASK_HOST: site.host,
  MASK_PORT: `${site.port}`,
  TELEGRAM_DATACENTERS: directory(options.datacenters ?? { 2: [{ address: '127.0.0.1:1' }] }),
  WORKERS: '2',
  PROBE_INTERVAL: '0',
  DOCTOR_INTERVAL: '0',
  DRAIN_SECONDS: '5',
  // Client and proxy share the cores with other tests, and the default of 3 s can be too short.
  CLIENT_HANDSHAKE_TIMEOUT: '15',
  // No request beyond loopback.
  PUBLIC_HOST_FROM: 'none',
  ...options.env,
})

/** Resident memory of a process, bytes. */
const rssOf = async (pid: number | undefined): Promise<number> => {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1]) * 1024
}

/** User and system CPU of a process, seconds. */
export const cpuOf = async (pid: number | undefined): Promise<number> => {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  const [utime, stime] = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number)
  return (utime! + stime!) / 100
}

/** Starts the program as a process in a temporary folder. Resolves when it is ready. */
export const startAppliance = async (options: ApplianceOptions = {}): Promise<Appliance> => {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'mtscope-e2e-'))
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))
  const site = options.site ?? stack.use(await tlsSite())
  const secret = newSecret()
  if (options.dotenv) await writeFile(join(folder, '.env'), options.dotenv)
  const env = await environmentOf(folder, site, secret, options)
  const lines: string[] = []
  const program = join(root, options.program ?? 'compose/appliance.ts')
  let child = launch(program, env, folder, options.nofile, lines)
  stack.defer(() => kill(child))
  const { starting } = options
  if (starting)
    createInterface({ input: child.stdout! }).on('line', (line) => starting(line, (name) => child.kill(name)))
  let ready = await readiness(child, lines)
  const owned = stack.move()
  const get = async (path: string): Promise<Response> => {
    const response = await fetch(`${ready.metricsUrl}${path}`)
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`)
    return response
  }
  const metrics = async (): Promise<string> => (await get('/metrics')).text()
  return {
    get port() {
      return ready.port
    },
    get metricsUrl() {
      return ready.metricsUrl
    },
    get pid() {
      return child.pid ?? 0
    },
    secret,
    site,
    folder,
    lines,
    status: async () => (await get('/api/status')).json() as Promise<Status>,
    metrics,
    metric: async (name, labels = {}) => sum(await metrics(), name, labels),
    rssBytes: () => rssOf(child.pid),
    cpuSeconds: () => cpuOf(child.pid),
    signal: (name) => void child.kill(name),
    stop: async (name = 'SIGTERM') => {
      child.kill(name)
      return exited(child, lines)
    },
    start: async () => {
      child = launch(program, env, folder, options.nofile, lines)
      ready = await readiness(child, lines)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

const launch = (
  program: string,
  env: Record<string, string | undefined>,
  cwd: string,
  nofile: number | undefined,
  lines: string[],
): ChildProcess => {
  const limited = ['-c', `ulimit -n ${nofile} && exec "$0" "$@"`, process.execPath, program]
  const child = nofile
    ? spawn('/bin/sh', limited, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    : spawn(process.execPath, [program], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  child.on('exit', () => running.delete(child))
  for (const [stream, mark] of [
    [child.stdout!, ''],
    [child.stderr!, '! '],
  ] as const)
    createInterface({ input: stream }).on('line', (line) => lines.push(`${mark}${line}`))
  return child
}

/** Resolves with the ports of the `ready` line. */
const readiness = async (child: ChildProcess, lines: string[]) => {
  const printed = lines.length
  const found = Promise.withResolvers<{ port: number; metricsUrl: string }>()
  const look = (): void => {
    const line = lines.slice(printed).find((line) => /\sready\s/.test(line))
    const port = /\sport=(\d+)/.exec(line ?? '')?.[1]
    const metricsUrl = /\smetrics=(\S+)/.exec(line ?? '')?.[1]
    if (port && metricsUrl) found.resolve({ port: Number(port), metricsUrl: metricsUrl.replace(/\/$/, '') })
  }
  const fail = (why: string): void =>
    found.reject(new Error(`the appliance ${why}:\n${lines.slice(printed).join('\n')}`))
  const timer = setTimeout(() => fail(`was not ready within ${startMs} ms`), startMs)
  const poll = setInterval(look, 20)
  child.once('close', (code) => fail(`ended with ${code} before it was ready`))
  try {
    return await found.promise
  } catch (error) {
    await kill(child)
    throw error
  } finally {
    clearTimeout(timer)
    clearInterval(poll)
  }
}

const exited = async (child: ChildProcess, lines: readonly string[]): Promise<number | null> => {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const signal = AbortSignal.timeout(stopMs)
  await once(child, 'close', { signal }).catch(() => {
    throw new Error(`the appliance did not end within ${stopMs} ms:\n${lines.slice(-20).join('\n')}`)
  })
  return child.exitCode
}

const kill = async (child: ChildProcess): Promise<void> => {
  child.kill('SIGKILL')
  await exited(child, [])
}

const sum = (text: string, name: string, labels: Readonly<Record<string, string>>): number =>
  text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .filter((line) => Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)))
    .reduce((total, line) => total + Number(/^[^{ ]+(?:\{.*\})? (\S+)/.exec(line)?.[1] ?? 0), 0)

/** A port that is not in use. */
export const freePort = async (): Promise<number> => (await freePorts(1))[0]!

/** Runs the appliance until it ends by itself, for settings that it must refuse. */
export const runAppliance = async (
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; lines: string[] }> => {
  const folder = await mkdtemp(join(tmpdir(), 'mtscope-e2e-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const lines: string[] = []
  const child = launch(
    join(root, 'compose/appliance.ts'),
    { PATH: process.env.PATH, DATA_DIR: join(folder, 'data'), PUBLIC_HOST_FROM: 'none', ...env },
    folder,
    undefined,
    lines,
  )
  stack.defer(() => kill(child))
  return { code: await exited(child, lines), lines }
}
