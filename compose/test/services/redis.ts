import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { until } from '../until.ts'
import { ensure, find } from './debian.ts'
import { freePorts } from './ports.ts'
import { type Service, startService } from './service.ts'

/** Path of redis-server, installed from Debian's package where it is missing; null where it cannot be installed. */
export const ensureRedis = (): string | null => ensure('redis-server', 'redis-server', 'redis-tools')

export type Redis = Service & {
  readonly url: string
  readonly port: number
  /** The raw answer to one command; empty when there is none. */
  ask(...command: string[]): Promise<string>
}
/** Files of PEM. With them a server accepts only TLS. */
export type RedisTls = { readonly key: string; readonly cert: string; readonly ca: string }
export type RedisOptions = {
  /** Further arguments, as `--maxmemory 10mb`. */
  readonly args?: readonly string[]
  readonly tls?: RedisTls
  readonly password?: string
}

const asker =
  (port: number, { tls, password }: RedisOptions) =>
  (...command: string[]): Promise<string> => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const login = password === undefined ? '' : `AUTH ${password}\r\n`
    const write = (): void => void socket.write(`${login}${command.join(' ')}\r\n`)
    const socket =
      tls === undefined
        ? connect(port, '127.0.0.1', write)
        : connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, write)
    let answer = ''
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString()
      const rest = login === '' ? answer : answer.replace(/^\+OK\r\n/, '')
      if (rest !== '') resolve(rest)
    })
    socket.once('error', () => resolve('')).once('close', () => resolve(''))
    return promise.finally(() => socket.destroy())
  }

const listening = (port: number, tls: RedisTls | undefined): readonly string[] =>
  tls === undefined
    ? ['--port', `${port}`]
    : [
        ...['--port', '0', '--tls-port', `${port}`, '--tls-auth-clients', 'no'],
        ...['--tls-replication', 'yes', '--tls-cluster', 'yes'],
        ...['--tls-key-file', tls.key, '--tls-cert-file', tls.cert, '--tls-ca-cert-file', tls.ca],
      ]

const startOn = async (
  port: number,
  options: RedisOptions,
  sentinel: readonly string[] | null = null,
): Promise<Redis> => {
  const { args = [], tls, password } = options
  const command = ensureRedis()
  if (command === null) throw new Error('redis-server is missing: install the package redis-server')
  const ask = asker(port, options)
  const login = password === undefined ? [] : ['--requirepass', password, '--masterauth', password]
  const service = await startService({
    name: 'redis',
    command,
    args: (folder) => {
      const common = [...listening(port, tls), '--bind', '127.0.0.1', '--dir', folder]
      if (sentinel === null)
        return [
          ...common,
          ...login,
          '--save',
          '',
          '--appendonly',
          'yes',
          '--appendfsync',
          'everysec',
          ...args,
        ]
      // A Sentinel writes what it learns into its file.
      const file = join(folder, 'sentinel.conf')
      if (!existsSync(file)) writeFileSync(file, sentinel.map((line) => `${line}\n`).join(''))
      return [file, '--sentinel', ...common, ...args]
    },
    ready: async () => (await ask('PING')).startsWith('+PONG'),
  })
  const scheme = tls === undefined ? 'redis' : 'rediss'
  return Object.assign(service, { port, ask, url: `${scheme}://127.0.0.1:${port}` })
}

/** Starts an empty Redis, which keeps its data over `kill` and `start`. */
export const startRedis = async (options: RedisOptions = {}): Promise<Redis> => {
  const [port = 0] = await freePorts(1)
  return startOn(port, options)
}

export type RedisCluster = AsyncDisposable & {
  readonly urls: readonly string[]
  readonly nodes: readonly Redis[]
}

/** The cluster bus of a node is its client port plus this. */
const busOffset = 10_000

/** Starts a Redis Cluster of three masters, each with this many replicas. */
export const startRedisCluster = async ({
  replicas = 0,
  args = [],
  ...options
}: RedisOptions & { readonly replicas?: number } = {}): Promise<RedisCluster> => {
  const { tls, password } = options
  await using stack = new AsyncDisposableStack()
  const ports = await freePorts(3 * (1 + replicas), busOffset)
  const own = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', ...args]
  const nodes: Redis[] = []
  for (const port of ports) nodes.push(stack.use(await startOn(port, { ...options, args: own })))
  const made = spawnSync(
    find('redis-cli') ?? 'redis-cli',
    [
      ...(tls === undefined ? [] : ['--tls', '--cacert', tls.ca]),
      ...(password === undefined ? [] : ['--no-auth-warning', '-a', password]),
      ...['--cluster', 'create', ...ports.map((port) => `127.0.0.1:${port}`)],
      ...['--cluster-replicas', `${replicas}`, '--cluster-yes'],
    ],
    { encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`redis-cli --cluster create failed: ${made.stdout}${made.stderr}`)
  for (const { ask } of nodes) {
    await until(async () => (await ask('CLUSTER', 'INFO')).includes('cluster_state:ok'), 'the cluster is up')
    await until(
      async () => !/master_link_status:down/.test(await ask('INFO', 'replication')),
      'the replicas have all data',
    )
  }
  const kept = stack.move()
  return {
    urls: nodes.map(({ url }) => url),
    nodes,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

export type SentinelRedis = AsyncDisposable & {
  /** Value of REDIS_URL. */
  readonly url: string
  /** The master of the start, and its replica. */
  readonly nodes: readonly [Redis, Redis]
  readonly sentinels: readonly Redis[]
  /** The master, by the first Sentinel that answers. */
  master(): Promise<Redis>
}

const family = 'family'

/** A Sentinel of the Redis at `port`. It needs a second to notice a loss. */
const sentinelLines = (port: number, password: string | undefined, own: string | undefined): string[] => [
  `sentinel monitor ${family} 127.0.0.1 ${port} 2`,
  `sentinel down-after-milliseconds ${family} 1000`,
  `sentinel failover-timeout ${family} 5000`,
  ...(password === undefined ? [] : [`sentinel auth-pass ${family} ${password}`]),
  ...(own === undefined ? [] : [`requirepass ${own}`, `sentinel sentinel-pass ${own}`]),
]

/** Starts a master with a replica, and three Sentinels. */
export const startSentinelRedis = async (
  options: RedisOptions & { readonly sentinelPassword?: string } = {},
): Promise<SentinelRedis> => {
  const { args = [], sentinelPassword, ...common } = options
  const { tls, password } = common
  await using stack = new AsyncDisposableStack()
  const [first = 0, second = 0, ...others] = await freePorts(5)
  const own = ['--repl-diskless-sync-delay', '0', ...args]
  const one = stack.use(await startOn(first, { ...common, args: own }))
  const two = stack.use(
    await startOn(second, { ...common, args: [...own, '--replicaof', `127.0.0.1 ${first}`] }),
  )
  const { password: _, ...plain } = common
  const ofSentinel = sentinelPassword === undefined ? plain : { ...plain, password: sentinelPassword }
  const lines = sentinelLines(first, password, sentinelPassword)
  const sentinels: Redis[] = []
  for (const port of others) sentinels.push(stack.use(await startOn(port, ofSentinel, lines)))
  const knows = /num-slaves\r\n\$1\r\n1\r\n\$\d+\r\nnum-other-sentinels\r\n\$1\r\n2\r\n/
  for (const { ask } of sentinels) {
    const known = async (): Promise<boolean> => knows.test(await ask('SENTINEL', 'MASTER', family))
    await until(known, 'the Sentinels know each other and the replica')
  }
  const master = async (): Promise<Redis> => {
    for (const { ask } of sentinels) {
      const at = await ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', family)
      const found = [one, two].find(({ port }) => at.includes(`\r\n${port}\r\n`))
      if (found !== undefined) return found
    }
    throw new Error('no Sentinel knows the master')
  }
  const login = password === undefined ? '' : `:${password}@`
  const at = others.map((port) => `127.0.0.1:${port}`).join()
  const query = sentinelPassword === undefined ? '' : `?sentinelPassword=${sentinelPassword}`
  const kept = stack.move()
  return {
    url: `${tls === undefined ? 'redis' : 'rediss'}+sentinel://${login}${at}/${family}${query}`,
    nodes: [one, two],
    sentinels,
    master,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
