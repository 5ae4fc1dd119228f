import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { unknownHost } from '../../redis/connect.ts'
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

/** REDIS_URL with one URL means a single Redis, with several URLs the nodes of a cluster; Redis must agree. */
const clusterFindings = async (
  node: string,
  info: string,
  several: boolean,
  client: Redis,
): Promise<readonly Finding[]> => {
  const id = `redis.${node}.cluster` as const
  const enabled = field(info, 'cluster_enabled') === '1'
  if (enabled !== several) {
    return [
      finding(
        id,
        'fail',
        enabled
          ? 'this Redis is a node of a cluster, but REDIS_URL has one URL'
          : 'this Redis is not a node of a cluster, but REDIS_URL has several URLs',
        {
          advice: enabled
            ? 'set REDIS_URL to several nodes of the cluster, separated by commas'
            : 'set REDIS_URL to one URL',
        },
      ),
    ]
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

/** Writes a key: nothing else reveals a replica, full memory or disk, or an ACL. */
const writeFinding = async (client: Redis, node: string, prefix: string): Promise<readonly Finding[]> => {
  const id = `redis.${node}.write` as const
  const why = await client.set(`${prefix}:probe`, '1', 'PX', 1_000).then(() => null, refusalIn)
  return [
    why === null
      ? finding(id, 'ok', 'Redis accepts writes')
      : finding(id, 'fail', `Redis answers, but refuses writes: ${why}`, { advice: refusals[why] }),
  ]
}

/** Names nodes by number: a URL may hold a password. */
const examineNode = async (
  url: string,
  at: number,
  several: boolean,
  prefix: string,
  signal: AbortSignal,
): Promise<readonly Finding[]> => {
  const node = `node-${at + 1}`
  const client = new Redis(url, {
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
    const startedAt = performance.now()
    await client.ping()
    const elapsedMs = Math.round((performance.now() - startedAt) * 10) / 10
    const states = `Redis ${at + 1} answers in ${elapsedMs} ms`
    const ping = finding(`redis.${node}.ping`, elapsedMs > slowMs ? 'warn' : 'ok', states, {
      advice: elapsedMs > slowMs ? 'move Redis nearer: a replay claim has 50 ms' : null,
      numbers: { elapsedMs },
    })
    const written = await writeFinding(client, node, prefix)
    const info = await client.info()
    return [
      ping,
      ...storageFindings(node, info),
      ...(await clusterFindings(node, info, several, client)),
      ...written,
    ]
  } catch (error) {
    const reason = reasonOf(failure ?? error)
    const refused = refusalIn(failure ?? error)
    if (refused !== null) {
      const states = `Redis ${at + 1} of REDIS_URL answers, but refuses: ${refused}`
      return [finding(`redis.${node}.ping`, 'fail', states, { advice: refusals[refused] })]
    }
    const advice =
      reason === 'ENOTFOUND'
        ? unknownHost
        : 'check that it runs, and check the address and password in REDIS_URL'
    const states = `Redis ${at + 1} of REDIS_URL does not answer: ${reason}`
    return [finding(`redis.${node}.ping`, 'fail', states, { advice })]
  } finally {
    signal.removeEventListener('abort', stop)
    client.disconnect()
  }
}

/** Sends PING and INFO, and writes a key that expires after a second. */
export const redisCheck: Check = async ({ config, signal }) => {
  const { redis } = config
  if (redis === null)
    return [
      finding('redis.use', 'ok', 'Redis is not used: this proxy has its own replay cache (REDIS_URL=none)'),
    ]
  return (
    await Promise.all(
      redis.urls.map((url, at) => examineNode(url, at, redis.urls.length > 1, redis.prefix, signal)),
    )
  ).flat()
}
