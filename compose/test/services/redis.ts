import { spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { until } from '../until.ts'
import { ensure, find } from './debian.ts'
import { freePorts } from './ports.ts'
import { type Service, startService } from './service.ts'

/** A redis-server of the system or of Debian's package; null where none can be had. */
export const ensureRedis = (): string | null => ensure('redis-server', 'redis-server', 'redis-tools')

export type Redis = Service & { readonly url: string; readonly port: number }
export type RedisOptions = {
  /** Further arguments, as `--maxmemory 10mb`. */
  readonly args?: readonly string[]
}

/** What `redis-server` answers to one command, as it stands on the wire. */
const ask = (port: number, ...command: string[]): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connect(port, '127.0.0.1', () => socket.write(`${command.join(' ')}\r\n`))
  socket.once('data', (bytes) => resolve(bytes.toString())).once('error', () => resolve(''))
  socket.once('close', () => resolve(''))
  return promise.finally(() => socket.destroy())
}

const startOn = async (port: number, args: readonly string[]): Promise<Redis> => {
  const command = ensureRedis()
  if (command === null) throw new Error('no redis-server: install the package, or set MTSCOPE_TEST_REDIS')
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

/** A Redis with nothing in it, which keeps its data over `kill` and `start`. */
export const startRedis = async ({ args = [] }: RedisOptions = {}): Promise<Redis> => {
  const [port = 0] = await freePorts(1)
  return startOn(port, args)
}

export type RedisCluster = AsyncDisposable & {
  readonly urls: readonly string[]
  readonly nodes: readonly Redis[]
}

/** The port that the nodes of a cluster talk to each other by lies so far above that for clients. */
const busBeside = 10_000

/** A Redis Cluster of three masters. */
export const startRedisCluster = async (): Promise<RedisCluster> => {
  await using stack = new AsyncDisposableStack()
  const ports = await freePorts(3, busBeside)
  const nodes: Redis[] = []
  for (const port of ports) {
    nodes.push(stack.use(await startOn(port, ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'])))
  }
  const made = spawnSync(
    find('redis-cli') ?? 'redis-cli',
    ['--cluster', 'create', ...ports.map((port) => `127.0.0.1:${port}`), '--cluster-yes'],
    { encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`no Redis Cluster: ${made.stdout}${made.stderr}`)
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
