import { spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { until } from '../until.ts'
import { ensure, find } from './debian.ts'
import { freePorts } from './ports.ts'
import { type Service, startService } from './service.ts'

/** Path of redis-server, installed from Debian's package where it is missing; null where it cannot be installed. */
export const ensureRedis = (): string | null => ensure('redis-server', 'redis-server', 'redis-tools')

export type Redis = Service & { readonly url: string; readonly port: number }
export type RedisOptions = {
  /** Further arguments, as `--maxmemory 10mb`. */
  readonly args?: readonly string[]
}

/** The raw answer to one command; empty when there is none. */
const ask = (port: number, ...command: string[]): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connect(port, '127.0.0.1', () => socket.write(`${command.join(' ')}\r\n`))
  socket.once('data', (bytes) => resolve(bytes.toString())).once('error', () => resolve(''))
  socket.once('close', () => resolve(''))
  return promise.finally(() => socket.destroy())
}

const startOn = async (port: number, args: readonly string[]): Promise<Redis> => {
  const command = ensureRedis()
  if (command === null) throw new Error('redis-server is missing: install the package redis-server')
  const service = await startService({
    name: 'redis',
    command,
    args: (folder) => [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''],
      ...['--appendonly', 'yes', '--appendfsync', 'everysec', ...args],
    ],
    ready: async () => (await ask(port, 'PING')).startsWith('+PONG'),
  })
  return Object.assign(service, { port, url: `redis://127.0.0.1:${port}` })
}

/** Starts an empty Redis, which keeps its data over `kill` and `start`. */
export const startRedis = async ({ args = [] }: RedisOptions = {}): Promise<Redis> => {
  const [port = 0] = await freePorts(1)
  return startOn(port, args)
}

export type RedisCluster = AsyncDisposable & {
  readonly urls: readonly string[]
  readonly nodes: readonly Redis[]
}

/** The cluster bus of a node is its client port plus this. */
const busOffset = 10_000

/** Starts a Redis Cluster of three masters. */
export const startRedisCluster = async (): Promise<RedisCluster> => {
  await using stack = new AsyncDisposableStack()
  const ports = await freePorts(3, busOffset)
  const nodes: Redis[] = []
  for (const port of ports) {
    nodes.push(stack.use(await startOn(port, ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'])))
  }
  const made = spawnSync(
    find('redis-cli') ?? 'redis-cli',
    ['--cluster', 'create', ...ports.map((port) => `127.0.0.1:${port}`), '--cluster-yes'],
    { encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`redis-cli --cluster create failed: ${made.stdout}${made.stderr}`)
  for (const port of ports) {
    await until(
      async () => (await ask(port, 'CLUSTER', 'INFO')).includes('cluster_state:ok'),
      'the cluster is up',
    )
  }
  const kept = stack.move()
  return {
    urls: nodes.map(({ url }) => url),
    nodes,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
