import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { unknownHost } from '../../redis/connect.ts'
import { refusalIn, refusals } from '../../redis/refusal.ts'
import { type Check, type Finding, finding, reasonOf } from '../finding.ts'

const timeoutMs = 3_000
const field = (info: string, name: string): string | null =>
  new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? null

/** A claim must answer within 50 ms, or the replay cache of this process alone decides. */
const slowMs = 25

/** What must hold so that nothing of the state is thrown away, by its name in INFO. */
const kept = (node: string, info: string): readonly Finding[] => {
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
          'Redis throws nothing away',
          {
            numbers,
            advice:
              most > 0 && used > 0.9 * most ? `maxmemory ${2 * most} in redis.conf: it is nearly full` : null,
          },
        )
      : finding(
          `redis.${node}.eviction`,
          'fail',
          `Redis may throw state away: maxmemory-policy is ${policy}`,
          {
            advice: 'maxmemory-policy noeviction in redis.conf',
            numbers,
          },
        ),
    append === '0'
      ? finding(
          `redis.${node}.appendonly`,
          'warn',
          'Redis keeps no log of its writes: a restart forgets the state',
          {
            advice: 'appendonly yes, appendfsync everysec in redis.conf',
          },
        )
      : finding(`redis.${node}.appendonly`, 'ok', 'Redis keeps a log of its writes'),
  ]
}

/** One URL is a Redis by itself, several are nodes of a cluster: the client must know which. */
const clustered = async (
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
        enabled ? 'this Redis is a node of a cluster' : 'this Redis is no node of a cluster',
        {
          advice: `REDIS_URL=${enabled ? 'several nodes of the cluster, with commas between' : 'this one address alone'}`,
        },
      ),
    ]
  }
  if (!enabled) return []
  const state = field(await client.cluster('INFO'), 'cluster_state')
  return [
    state === 'ok'
      ? finding(id, 'ok', 'the cluster has all its slots')
      : finding(id, 'fail', `the cluster does not serve: its state is ${state}`, {
          advice: 'redis-cli --cluster check tells which node is missing',
        }),
  ]
}

/** Whether it takes a write: a replica, a full memory or disk, or an ACL is found out by nothing else. */
const taken = async (client: Redis, node: string, prefix: string): Promise<readonly Finding[]> => {
  const id = `redis.${node}.write` as const
  const why = await client.set(`${prefix}:probe`, '1', 'PX', 1_000).then(() => null, refusalIn)
  return [
    why === null
      ? finding(id, 'ok', 'Redis takes writes')
      : finding(id, 'fail', `Redis answers and refuses writes: ${why}`, { advice: refusals[why] }),
  ]
}

/** Nodes are told by number: an address may hold a password, and belongs to nobody's log. */
const examined = async (
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
  let printed: unknown = null
  client.on('error', (error) => {
    printed = error
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
      advice: elapsedMs > slowMs ? 'put Redis nearer: a replay claim has 50 ms' : null,
      numbers: { elapsedMs },
    })
    const written = await taken(client, node, prefix)
    const info = await client.info()
    return [ping, ...kept(node, info), ...(await clustered(node, info, several, client)), ...written]
  } catch (error) {
    const reason = reasonOf(printed ?? error)
    const refused = refusalIn(printed ?? error)
    if (refused !== null) {
      const states = `Redis ${at + 1} of REDIS_URL answers and refuses: ${refused}`
      return [finding(`redis.${node}.ping`, 'fail', states, { advice: refusals[refused] })]
    }
    const advice =
      reason === 'ENOTFOUND'
        ? unknownHost
        : 'look whether it runs, and at the address and password in REDIS_URL'
    const states = `Redis ${at + 1} of REDIS_URL does not answer: ${reason}`
    return [finding(`redis.${node}.ping`, 'fail', states, { advice })]
  } finally {
    signal.removeEventListener('abort', stop)
    client.disconnect()
  }
}

/** Nothing stays: PING, INFO, and a key that lives for a second. */
export const redisCheck: Check = async ({ config, signal }) => {
  const { redis } = config
  if (redis === null)
    return [finding('redis.use', 'ok', 'not used: one proxy remembers for itself (REDIS_URL=none)')]
  return (
    await Promise.all(
      redis.urls.map((url, at) => examined(url, at, redis.urls.length > 1, redis.prefix, signal)),
    )
  ).flat()
}
