import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { RedisConfig } from '../config/config.ts'
import type { Logger } from '../logger/logger.ts'
import { certificates } from '../net/certificates.ts'
import { type Place, placeOf } from './place.ts'
import { type Refusal, type RefusalCounts, watchRefusals } from './refusal.ts'

export type RedisClient = Redis | Cluster

/** Delay before the next connection attempt, ms: short at first, then two seconds. */
const reconnectDelay = (times: number): number => Math.min(2_000, 50 * 2 ** Math.min(times, 6))

const optionsOf = (name: string, timeoutMs: number, reconnectOnError: (error: Error) => boolean) =>
  ({
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
    reconnectOnError,
  }) as const satisfies RedisOptions
type Options = ReturnType<typeof optionsOf>

/**
 * A connection that reconnects without end. While it is away, commands fail immediately instead of waiting in a queue, so that
 * memory stays flat. Logs each loss, return and refusal once, without the address, which may contain a password. Reconnects
 * where a refusal may be cured by another Redis. Throws when REDIS_CA cannot be used.
 */
export const connectRedis = (
  config: RedisConfig,
  name: string,
  logger: Logger,
  { timeoutMs = 10_000 }: { readonly timeoutMs?: number } = {},
): RedisClient => {
  const refused = watchRefusals(
    logger,
    () => client.set(`${config.prefix}:probe`, '1', 'PX', 1_000),
    // The client of a cluster follows it.
    placeOf(config.urls).kind === 'cluster' ? 'MOVED' : null,
  )
  const client = openClient(config, optionsOf(name, timeoutMs, refused.note))
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

/** The options of node:tls; none without TLS. */
export const tlsOf = ({ urls, caFile }: Pick<RedisConfig, 'urls' | 'caFile'>): { tls?: { ca?: string } } => {
  if (!placeOf(urls).tls) return {}
  return { tls: caFile === undefined ? {} : { ca: certificates('REDIS_CA', caFile) } }
}

/** The URL of one server for ioredis, which gets TLS as an option: with rediss:// it would ignore the authority. */
export const plainUrl = (url: string): string => url.replace(/^rediss?(?:\+cluster)?:/, 'redis:')

const openClient = (config: RedisConfig, options: Options): RedisClient => {
  const place = placeOf(config.urls)
  const tls = tlsOf(config)
  if (place.kind === 'cluster') return clusterOf(place, { ...options, ...tls })
  if (place.kind === 'sentinel') return new Redis({ ...options, ...sentinelOptions(place, tls) })
  return new Redis(plainUrl(config.urls[0]!), { ...options, ...tls })
}

const clusterOf = (
  { hosts, login, tls }: Place,
  { retryStrategy: _, enableOfflineQueue: __, ...options }: Options & ReturnType<typeof tlsOf>,
): Cluster =>
  new Cluster([...hosts], {
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    clusterRetryStrategy: reconnectDelay,
    redisOptions: { ...options, ...login },
    // ioredis would connect to the addresses of the hosts, but certificates have their names.
    ...(tls
      ? { dnsLookup: (host: string, done: (error: null, host: string) => void) => done(null, host) }
      : {}),
  })

const sentinelOptions = (
  { hosts, login, db, master, sentinelLogin }: Place,
  { tls }: ReturnType<typeof tlsOf>,
) => ({
  ...login,
  sentinels: [...hosts],
  name: master,
  db,
  ...(sentinelLogin.username === undefined ? {} : { sentinelUsername: sentinelLogin.username }),
  ...(sentinelLogin.password === undefined ? {} : { sentinelPassword: sentinelLogin.password }),
  sentinelRetryStrategy: reconnectDelay,
  sentinelReconnectStrategy: reconnectDelay,
  sentinelCommandTimeout: 3_000,
  // Sentinels report the choice of another master: the old one may be unable to.
  failoverDetector: true,
  ...(tls === undefined ? {} : { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
})

/** Does not show the host: a password that is not encoded may be a part of it. */
export const unknownHost =
  'no DNS answer for the host in REDIS_URL: correct it; in a password write @ as %40, / as %2F, ? as %3F and # as %23'

/** What to do where the Sentinels are the reason. */
export const sentinelHints = {
  'no-sentinel':
    'no Sentinel of REDIS_URL answers: check that they run, and correct the hosts; Sentinels have port 26379',
  'no-master':
    'the Sentinels of REDIS_URL know no master of this name: correct the name behind the hosts, see SENTINEL MASTERS',
  'sentinel-login':
    'the Sentinels require another login: write ?sentinelPassword=… (and sentinelUsername) at the end of REDIS_URL',
} as const
type SentinelReason = keyof typeof sentinelHints

/** Why no Sentinel led to the master, by the last one that was asked; null for another error. */
const sentinelReason = ({ message }: Error): SentinelReason | null => {
  if (!message.startsWith('All sentinels are unreachable')) return null
  if (message.includes('No such master') || !message.includes('Last error')) return 'no-master'
  return /\b(?:NOAUTH|WRONGPASS|NOPERM)\b/.test(message) ? 'sentinel-login' : 'no-sentinel'
}

const hintOf = (reason: string): string => {
  if (reason === 'ENOTFOUND') return `${unknownHost}; mtscope tries again`
  const hint = sentinelHints[reason as SentinelReason]
  return hint === undefined ? 'mtscope tries again' : `${hint}; mtscope tries again`
}

/** The code of an error, or its first word or name: messages may contain an address. */
export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return 'unknown'
  if ('code' in error && typeof error.code === 'string') return error.code
  return sentinelReason(error) ?? /^([A-Z]{4,}) /.exec(error.message)?.[1] ?? error.name
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
