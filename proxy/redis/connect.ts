import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { RedisConfig } from '../config/config.ts'
import type { Logger } from '../logger/logger.ts'
import { type Refusal, type RefusalCounts, watchRefusals } from './refusal.ts'

export type RedisClient = Redis | Cluster

/** Delay before the next connection attempt, ms: short at first, then two seconds. */
const reconnectDelay = (times: number): number => Math.min(2_000, 50 * 2 ** Math.min(times, 6))

/**
 * A connection that reconnects without end. While it is away, commands fail immediately instead of waiting in a queue, so that
 * memory stays flat. Logs each loss, return and refusal once, without the address, which may contain a password. Reconnects
 * where a refusal may be cured by another Redis.
 */
export const connectRedis = (
  { urls, prefix }: RedisConfig,
  name: string,
  logger: Logger,
  { timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {},
): RedisClient => {
  const refused = watchRefusals(logger, () => client.set(`${prefix}:probe`, '1', 'PX', 1_000))
  const options = {
    connectionName: name,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: timeoutMs,
    connectTimeout: 5_000,
    // Notices a peer that disappeared without closing, even when no command is sent.
    keepAlive: 10_000,
    socketTimeout: timeoutMs,
    enableAutoPipelining: true,
    retryStrategy: reconnectDelay,
    reconnectOnError: (error: Error) => refused.note(error),
  } as const satisfies RedisOptions
  const client: RedisClient = urls.length === 1 ? new Redis(urls[0]!, options) : clusterOf(urls, options)
  let up: boolean | null = null
  let reason = ''
  client.on('error', (error: unknown) => {
    reason = reasonOf(error)
    if (up === null || refused.why !== null) lost()
  })
  const closed = (): void => {
    // A refusal is logged already; the client reconnects because of it.
    if (refused.why === null) lost()
  }
  const lost = (): void => {
    if (up === false) return
    up = false
    logger('warn', 'redis-lost', { reason: reason || 'closed', hint: hintOf(reason) })
  }
  client.on('close', closed)
  client.on('end', refused.forget)
  client.on('ready', () => {
    if (up === false) logger('info', 'redis-back')
    up = true
    reason = ''
  })
  watching.set(client, refused)
  return client
}

type Refusals = { readonly why: Refusal | null; readonly counts: Readonly<RefusalCounts> }

const watching = new WeakMap<RedisClient, Refusals>()

/** Refusals by reason since the client was made. */
export const refusalCountsOf = (client: RedisClient): Readonly<RefusalCounts> => watching.get(client)!.counts

/** Why Redis refuses commands now; null when it does not, or is away. */
export const refusalOf = (client: object): Refusal | null => watching.get(client as RedisClient)?.why ?? null

const clusterOf = (
  urls: readonly string[],
  { retryStrategy: _, enableOfflineQueue: __, ...options }: { readonly [name: string]: unknown },
): Cluster => {
  const nodes = urls.map((url) => new URL(url))
  const [first] = nodes
  const { username = '', password = '', protocol = '' } = first ?? {}
  return new Cluster(
    nodes.map(({ hostname, port }) => ({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port || 6379),
    })),
    {
      enableOfflineQueue: false,
      enableAutoPipelining: true,
      clusterRetryStrategy: reconnectDelay,
      redisOptions: {
        ...options,
        ...(username === '' ? {} : { username: decodeURIComponent(username) }),
        ...(password === '' ? {} : { password: decodeURIComponent(password) }),
        ...(protocol === 'rediss:' ? { tls: {} } : {}),
      },
    },
  )
}

/** Does not show the host: a password that is not encoded may be a part of it. */
export const unknownHost =
  'no DNS answer for the host in REDIS_URL: correct it; in a password write @ as %40, / as %2F, ? as %3F and # as %23'

const hintOf = (reason: string): string =>
  reason === 'ENOTFOUND' ? `${unknownHost}; mtscope tries again` : 'mtscope tries again'

/** The code of an error, or its first word or name: messages may contain an address. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return 'unknown'
  if ('code' in error && typeof error.code === 'string') return error.code
  return /^([A-Z]{4,}) /.exec(error.message)?.[1] ?? error.name
}

type Run = (script: string, keyCount: number, keys: string[], args: (string | number)[]) => Promise<unknown>

/**
 * Runs a Lua script of `redis/` by its digest, and sends its text when Redis does not have it. ioredis gets keys and
 * arguments as arrays: about 61,000 spread arguments overflow the stack.
 */
export const script = (
  name: string,
): ((redis: RedisClient, keys: string[], args: (string | number)[]) => Promise<unknown>) => {
  const text = readFileSync(new URL(`../../redis/${name}.lua`, import.meta.url), 'utf8')
  const digest = createHash('sha1').update(text).digest('hex')
  return async (redis, keys, args) => {
    try {
      return await (redis.evalsha as Run)(digest, keys.length, keys, args)
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return (redis.eval as Run)(text, keys.length, keys, args)
    }
  }
}
