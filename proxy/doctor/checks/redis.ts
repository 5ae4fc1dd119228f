import { randomBytes } from 'node:crypto'
import { Redis, type RedisOptions } from 'ioredis'
import type { RedisConfig } from '../../config/config.ts'
import { hostAndPort } from '../../net/host-name.ts'
import { plainUrl, sentinelHints, tlsOf, unknownHost } from '../../redis/connect.ts'
import { type Place, placeOf } from '../../redis/place.ts'
import { refusalIn, refusals } from '../../redis/refusal.ts'
import { type Check, type Finding, finding, reasonOf } from '../finding.ts'

const timeoutMs = 3_000
const field = (info: string, name: string): string | null =>
  new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? null

/** A claim that takes more than 50 ms is decided by this process alone. */
const slowMs = 25

/** Whether Redis keeps the state, according to INFO. */
const storageFindings = (node: string, info: string): readonly Finding[] => {
  const policy = field(info, 'maxmemory_policy')
  const append = field(info, 'aof_enabled')
  const used = Number(field(info, 'used_memory') ?? 0)
  const most = Number(field(info, 'maxmemory') ?? 0)
  const numbers = { used, maxmemory: most }
  return [
    policy === null || policy === 'noeviction'
      ? finding(
          `redis.${node}.eviction`,
          most > 0 && used > 0.9 * most ? 'warn' : 'ok',
          most > 0 && used > 0.9 * most
            ? 'Redis is nearly full; then it refuses writes'
            : 'Redis evicts no keys',
          {
            numbers,
            advice: most > 0 && used > 0.9 * most ? `set maxmemory ${2 * most} in redis.conf` : null,
          },
        )
      : finding(
          `redis.${node}.eviction`,
          'fail',
          `Redis may evict the state: maxmemory-policy is ${policy}`,
          {
            advice: 'set maxmemory-policy noeviction in redis.conf',
            numbers,
          },
        ),
    append === '0'
      ? finding(
          `redis.${node}.appendonly`,
          'warn',
          'Redis has no append-only file: a restart loses the state',
          {
            advice: 'set appendonly yes and appendfsync everysec in redis.conf',
          },
        )
      : finding(`redis.${node}.appendonly`, 'ok', 'Redis has an append-only file'),
  ]
}

/** Whether Redis fits REDIS_URL: a node of a cluster, or not. */
const clusterFindings = async (
  node: string,
  info: string,
  kind: Place['kind'],
  client: Redis,
): Promise<readonly Finding[]> => {
  const id = `redis.${node}.cluster` as const
  const enabled = field(info, 'cluster_enabled') === '1'
  if (enabled !== (kind === 'cluster')) {
    const advice = enabled
      ? 'set REDIS_URL=redis+cluster://host:6379,host:6379 with some nodes of the cluster'
      : 'set REDIS_URL=redis://host:6379, a single URL'
    const states = enabled
      ? 'this Redis is a node of a cluster, but REDIS_URL is not that of a cluster'
      : 'this Redis is not a node of a cluster, but REDIS_URL is that of a cluster'
    return [finding(id, 'fail', states, { advice })]
  }
  if (!enabled) return []
  const state = field(await client.cluster('INFO'), 'cluster_state')
  return [
    state === 'ok'
      ? finding(id, 'ok', 'the cluster serves all its slots')
      : finding(id, 'fail', `the cluster does not serve: cluster_state is ${state}`, {
          advice: 'find the missing node with redis-cli --cluster check',
        }),
  ]
}

/** Where a replica could take over: whether the master has one. */
const replicaFindings = (node: string, info: string, kind: Place['kind']): readonly Finding[] => {
  if (kind === 'single' || field(info, 'role') !== 'master') return []
  const id = `redis.${node}.replicas` as const
  const replicas = Number(field(info, 'connected_slaves') ?? 0)
  return [
    replicas > 0
      ? finding(id, 'ok', `${replicas} replicas can take over from this master`, { numbers: { replicas } })
      : finding(id, 'warn', 'this master has no replica: when it is lost, its part of the state is, too', {
          advice: 'add a replica to each master',
          numbers: { replicas },
        }),
  ]
}

/** Writes a key: nothing else reveals a replica, full memory or disk, or an ACL. */
const writeFinding = async (client: Redis, node: string, prefix: string): Promise<readonly Finding[]> => {
  const id = `redis.${node}.write` as const
  const refused = await client.set(`${prefix}:probe`, '1', 'PX', 1_000).then(() => null, refusalIn)
  // The key belongs to another node of the cluster.
  const why = refused === 'MOVED' ? null : refused
  return [
    why === null
      ? finding(id, 'ok', 'Redis accepts writes')
      : finding(id, 'fail', `Redis answers, but refuses writes: ${why}`, { advice: refusals[why] }),
  ]
}

/** A server of REDIS_URL, named by its number: a URL may hold a password. */
type Server = {
  readonly node: string
  readonly label: string
  readonly url: string
  readonly options: Pick<RedisOptions, 'username' | 'password' | 'db'> & ReturnType<typeof tlsOf>
  readonly slowMs: number
  /** What to do about a login that it refuses. */
  readonly loginAdvice?: string
}

const pingFinding = async (client: Redis, { node, label, slowMs }: Server): Promise<Finding> => {
  const startedAt = performance.now()
  await client.ping()
  const elapsedMs = Math.round((performance.now() - startedAt) * 10) / 10
  const slow = elapsedMs > slowMs
  return finding(`redis.${node}.ping`, slow ? 'warn' : 'ok', `${label} answers in ${elapsedMs} ms`, {
    advice: slow ? 'move Redis nearer: a replay claim has 50 ms' : null,
    numbers: { elapsedMs },
  })
}

/** Codes of OpenSSL: no trusted authority signed the certificate. */
const untrusted = /^(?:DEPTH_ZERO_)?SELF_SIGNED_CERT|^UNABLE_TO_|^CERT_UNTRUSTED$/

const failureFinding = ({ node, label, loginAdvice }: Server, error: unknown): Finding => {
  const id = `redis.${node}.ping` as const
  const refused = refusalIn(error)
  if (refused !== null) {
    const advice = loginAdvice ?? refusals[refused]
    return finding(id, 'fail', `${label} of REDIS_URL answers, but refuses: ${refused}`, { advice })
  }
  const reason = reasonOf(error)
  const advice = untrusted.test(reason)
    ? 'REDIS_CA: set it to the file (PEM) of the authority that signed the certificate of Redis'
    : reason === 'ENOTFOUND'
      ? unknownHost
      : 'check that it runs, and check the address and password in REDIS_URL'
  return finding(id, 'fail', `${label} of REDIS_URL does not answer: ${reason}`, { advice })
}

/** Connects, and adds the findings of `look` to that of a PING. */
const examineServer = async (
  server: Server,
  signal: AbortSignal,
  look: (client: Redis) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> => {
  const client = new Redis(server.url, {
    ...server.options,
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    connectionName: `mtscope-doctor-${randomBytes(3).toString('hex')}`,
  })
  let failure: unknown = null
  client.on('error', (error) => {
    failure = error
  })
  const stop = (): void => client.disconnect()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await client.connect()
    const ping = await pingFinding(client, server)
    return [ping, ...(await look(client))]
  } catch (error) {
    return [failureFinding(server, failure ?? error)]
  } finally {
    signal.removeEventListener('abort', stop)
    client.disconnect()
  }
}

const examineRedis = (server: Server, kind: Place['kind'], prefix: string, signal: AbortSignal) =>
  examineServer(server, signal, async (client) => {
    const { node } = server
    const written = await writeFinding(client, node, prefix)
    const info = await client.info()
    return [
      ...storageFindings(node, info),
      ...(await clusterFindings(node, info, kind, client)),
      ...replicaFindings(node, info, kind),
      ...written,
    ]
  })

/** Whether a Sentinel knows the master, and could replace it; reports the address of the master. */
const examineSentinel = (server: Server, master: string, signal: AbortSignal, found: (at: string) => void) =>
  examineServer(server, signal, async (client) => {
    const { node } = server
    const at = (await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master)) as readonly string[] | null
    if (at === null) {
      const states = 'this Sentinel knows no master of the name in REDIS_URL'
      return [finding(`redis.${node}.master`, 'fail', states, { advice: sentinelHints['no-master'] })]
    }
    found(hostAndPort(at[0] ?? '', at[1] ?? ''))
    const quorum = await client.call('SENTINEL', 'CKQUORUM', master).then(
      () => true,
      () => false,
    )
    return [
      finding(`redis.${node}.master`, 'ok', 'this Sentinel knows the master'),
      quorum
        ? finding(`redis.${node}.quorum`, 'ok', 'the Sentinels can agree on another master')
        : finding(`redis.${node}.quorum`, 'warn', 'too few Sentinels run to agree on another master', {
            advice: 'start those that are down: SENTINEL CKQUORUM of each counts them',
          }),
    ]
  })

const examineSentinels = async (place: Place, { prefix, ...config }: RedisConfig, signal: AbortSignal) => {
  const { hosts, master, db, login, sentinelLogin } = place
  const tls = tlsOf(config)
  const masters: string[] = []
  const findings = await Promise.all(
    hosts.map(({ host, port }, index) => {
      const server = {
        node: `sentinel-${index + 1}`,
        label: `Sentinel ${index + 1}`,
        url: `redis://${hostAndPort(host, port)}`,
        options: { ...sentinelLogin, ...tls },
        slowMs: Number.POSITIVE_INFINITY,
        loginAdvice: sentinelHints['sentinel-login'],
      }
      return examineSentinel(server, master, signal, (at) => masters.push(at))
    }),
  )
  const [at] = masters
  if (at === undefined) return findings.flat()
  const server = { node: 'master', label: 'the master', url: `redis://${at}`, slowMs }
  const options = { db, ...login, ...tls }
  return [...findings.flat(), ...(await examineRedis({ ...server, options }, 'sentinel', prefix, signal))]
}

/** Sends PING and INFO, and writes a key that expires after a second. */
export const redisCheck: Check = async ({ config: { redis }, signal }) => {
  if (redis === null)
    return [
      finding('redis.use', 'ok', 'Redis is not used: this proxy has its own replay cache (REDIS_URL=none)'),
    ]
  const place = placeOf(redis.urls)
  if (place.kind === 'sentinel') return examineSentinels(place, redis, signal)
  const options = tlsOf(redis)
  const nodes = redis.urls.map((url, index) => {
    const server = { node: `node-${index + 1}`, label: `Redis ${index + 1}`, url: plainUrl(url), slowMs }
    return examineRedis({ ...server, options }, place.kind, redis.prefix, signal)
  })
  return (await Promise.all(nodes)).flat()
}
