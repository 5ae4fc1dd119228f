import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { RedisConfig } from '../config/config.ts'
import type { Logger } from '../logger/logger.ts'
import { type Refusal, watchRefusals } from './refusal.ts'

export type RedisClient = Redis | Cluster

/** Between two tries to connect, ms: soon at first, then every two seconds. */
const again = (times: number): number => Math.min(2_000, 50 * 2 ** Math.min(times, 6))

/**
 * A connection that comes back by itself, for ever. While it is away a command fails at once instead of waiting in a
 * queue: who sent it knows what to do meanwhile, and memory stays flat. Going and coming are told once each, without the
 * address: a password may be in it. So is a Redis that answers and refuses; where another connection may lead to one that
 * does not, it is made.
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
    // A peer that vanished without a word is noticed, though nobody asks it anything.
    keepAlive: 10_000,
    socketTimeout: timeoutMs,
    enableAutoPipelining: true,
    retryStrategy: again,
    reconnectOnError: (error: Error) => refused.note(error),
  } as const satisfies RedisOptions
  const client: RedisClient = urls.length === 1 ? new Redis(urls[0]!, options) : clusterOf(urls, options)
  let there: boolean | null = null
  let why = ''
  client.on('error', (error: unknown) => {
    why = reasonOf(error)
    if (there === null || refused.why !== null) lost()
  })
  const closed = (): void => {
    // One that refuses was told, and is connected to again.
    if (refused.why === null) lost()
  }
  const lost = (): void => {
    if (there === false) return
    there = false
    logger('warn', 'redis-lost', { why: why || 'closed', hint: hintOf(why) })
  }
  client.on('close', closed)
  client.on('end', refused.forget)
  client.on('ready', () => {
    if (there === false) logger('info', 'redis-back')
    there = true
    why = ''
  })
  watching.set(client, refused)
  return client
}

const watching = new WeakMap<RedisClient, { readonly why: Refusal | null }>()

/** What Redis refuses now, though it answers; null when it does what it is asked, or is away. */
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
      clusterRetryStrategy: again,
      redisOptions: {
        ...options,
        ...(username === '' ? {} : { username: decodeURIComponent(username) }),
        ...(password === '' ? {} : { password: decodeURIComponent(password) }),
        ...(protocol === 'rediss:' ? { tls: {} } : {}),
      },
    },
  )
}

/** The host is never shown: where a password is not encoded, it may be a part of it. */
export const unknownHost =
  'no DNS answer for the host in REDIS_URL: correct it; in a password write @ as %40, / as %2F, ? as %3F and # as %23'

const hintOf = (why: string): string =>
  why === 'ENOTFOUND' ? `${unknownHost}; tries again by itself` : 'tries again by itself'

/** A code where there is one: messages may repeat an address. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return 'unknown'
  if ('code' in error && typeof error.code === 'string') return error.code
  return /^([A-Z]{4,}) /.exec(error.message)?.[1] ?? error.name
}

type Run = (script: string, keyCount: number, keys: string[], args: (string | number)[]) => Promise<unknown>

/**
 * A Lua script of `redis/`, run by its digest; sent whole when Redis does not know it (any more). Keys and arguments go to
 * ioredis as arrays: spread, about 61,000 of them overflow the stack.
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
