import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { lean } from '../../../proxy/app/runtime-flags.ts'
import { measuredSettings } from '../../../proxy/bench/measured-settings.ts'
import type { End } from './emulation.ts'
import type { Amounts, Job, Samples } from './figures.ts'
import { addresses, type Network } from './network.ts'
import type { Side } from './sides.ts'

const root = join(import.meta.dirname, '../../..')
const telegramPort = 443
const readyMs = 60_000
/** A turn takes 15 s on a quiet machine. */
const turnMs = 180_000

type Program = AsyncDisposable & { readonly pid: number; readonly lines: AsyncIterableIterator<string> }

const start = (
  network: Network,
  end: End,
  words: readonly string[],
  options: {
    readonly cwd: string
    readonly env?: Readonly<Record<string, string>>
    readonly limitMs: number
  },
): Program => {
  const [command, ...rest] = [...network.within(end), ...words]
  const child = spawn(command!, rest, {
    cwd: options.cwd,
    env: { PATH: process.env.PATH, TMPDIR: tmpdir(), ...lean(root), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const printed: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => printed.push(line))
  const ended = once(child, 'close')
  const timer = setTimeout(() => child.kill('SIGKILL'), options.limitMs)
  const lines = async function* () {
    yield* createInterface({ input: child.stdout })
    throw new Error(`${words.slice(0, 2).join(' ')} ended: ${printed.slice(-5).join('\n')}`)
  }
  return {
    pid: child.pid!,
    lines: lines(),
    [Symbol.asyncDispose]: async () => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      await ended
    },
  }
}

const until = async ({ lines }: Program, line: RegExp): Promise<string> => {
  for (;;) {
    const { value } = (await lines.next()) as { value: string }
    if (line.test(value)) return value
  }
}

const node = (program: string): readonly string[] => [process.execPath, join(root, program)]

export const startDatacenters = async (network: Network): Promise<AsyncDisposable> => {
  const words = [...node('proxy/bench/datacenter.ts'), `${telegramPort}`]
  const program = start(network, 'datacenter', words, { cwd: root, limitMs: 2 ** 30 })
  await until(program, /ready/)
  return program
}

/** Waits until a proxy listens: connects from its namespace, because a link may lose the packets of a client. */
const listens = async (network: Network, port: number, cwd: string): Promise<void> => {
  const script = `const go = () => require('node:net').connect(${port}, '127.0.0.1', () => { console.log('up'); process.exit() })
    .on('error', () => setTimeout(go, 100)); go()`
  await using program = start(network, 'proxy', [process.execPath, '-e', script], { cwd, limitMs: readyMs })
  await until(program, /up/)
}

const appliancePort = 8080

const appliance = (secret: string, folder: string, env: Readonly<Record<string, string>>) => ({
  ...measuredSettings({ folder, secret, datacenter: `${addresses.datacenters[1]}:${telegramPort}` }),
  MTPROTO_PORT: `${appliancePort}`,
  MTPROTO_HOST: '0.0.0.0',
  ...env,
})

/** Starts the proxy of a side and waits until it listens. */
const startSide = async (network: Network, { runs }: Side, folder: string) => {
  if ('env' in runs) {
    const secret = randomBytes(16).toString('hex')
    const env = appliance(secret, folder, runs.env)
    const program = start(network, 'proxy', node('compose/appliance.ts'), {
      cwd: folder,
      env,
      limitMs: turnMs,
    })
    await until(program, /ready .*engine=/)
    return { ...program, at: { port: appliancePort, secret } }
  }
  const { command, port, secret } = runs
  const env = { PORT: `${port}`, SECRET: secret, DATACENTER_PORT: `${telegramPort}` }
  const program = start(network, 'proxy', ['sh', '-c', command], { cwd: process.cwd(), env, limitMs: turnMs })
  await listens(network, port, folder)
  return { ...program, at: { port, secret } }
}

/** One side in one scenario: sets the namespace of the proxy, starts the proxy there, measures it, ends it. */
export const takeTurn = async (
  network: Network,
  side: Side,
  crowd: number,
  amounts: Amounts,
): Promise<Samples> => {
  await using stack = new AsyncDisposableStack()
  network.set(side.sysctls)
  const folder = mkdtempSync(join(tmpdir(), 'mtscope-lab-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  stack.defer(() => network.clearProxy())
  const proxy = stack.use(await startSide(network, side, folder))
  const job: Job = { ...proxy.at, host: addresses.proxy, pid: proxy.pid, crowd, amounts }
  await using load = start(network, 'client', [...node('compose/proofs/lab/load.ts'), JSON.stringify(job)], {
    cwd: root,
    limitMs: turnMs,
  })
  return JSON.parse(await until(load, /^\{/)) as Samples
}
