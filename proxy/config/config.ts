import { availableParallelism, hostname } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import { withTestDatacenters } from '../datacenter/directory.ts'
import { noLimits, type UserLimits } from '../users/limits.ts'
import type { User } from '../users/user.ts'
import { clashes } from './clashes.ts'
import { composeSettings } from './compose-settings.ts'
import { readDotenv } from './dotenv.ts'
import { firstPlace, listenersOf } from './listening.ts'
import { domainsOf } from './masking-settings.ts'
import { mayShow } from './setting.ts'
import { isSetting, type SettingName, settingNames, settings, type Values } from './settings.ts'
import { meant, surelyMeant, userSetting } from './suggestions.ts'
import { readUsers } from './users.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Properties of this machine, for settings left at `auto`. */
export type Host = { readonly cores: number; readonly name: string }

export type ConfigReading =
  | {
      readonly ok: true
      readonly config: Config
      /** The value of each setting, without users. */
      readonly values: Values
      /** `OTEL_*` of the .env file, which OpenTelemetry reads from the process environment. */
      readonly telemetry: Readonly<Record<string, string>>
    }
  | { readonly ok: false; readonly mistakes: readonly string[] }

const forOthers = (name: string): boolean =>
  /^(?:OTEL|COMPOSE)_/.test(name) || Object.hasOwn(composeSettings, name)

const thisHost = (): Host => ({ cores: availableParallelism(), name: hostname() })

/** Makes a text safe to print: one line, without anything that could be a secret. */
const discreet = (text: string): string =>
  text
    .replace(/[^\x20-\x7e\p{L}\p{M}\p{N}]/gu, '?')
    .replace(/[0-9a-f]{32,}|[\p{L}\p{M}\p{N}_+/=-]{40,}/giu, '...')

const longestShown = 60

const shown = (value: string): string =>
  value.length > longestShown ? `${discreet(value).slice(0, longestShown)}...` : value

const unknown = (place: string, name: string, suggestion: string | null): string =>
  `${place}${name} is not a setting${suggestion === null ? ': leave it out' : `: did you mean ${suggestion}?`}`

type Given = { readonly values: ReadonlyMap<string, string>; readonly telemetry: Record<string, string> }

/** All settings of environment and file; the environment takes precedence. */
const gather = (env: Environment, dotenv: string, mistakes: string[]): Given => {
  const values = new Map<string, string>()
  const telemetry: Record<string, string> = {}
  const file = readDotenv(dotenv)
  mistakes.push(...file.mistakes)
  const ours = (name: string): boolean => isSetting(name) || userSetting(name) !== null
  for (const { name, value, line } of file.assignments) {
    if (ours(name)) values.set(name, value)
    else if (!forOthers(name)) mistakes.push(unknown(`.env line ${line}: `, name, meant(name)))
    else if (name.startsWith('OTEL_') && env[name] === undefined) telemetry[name] = value
  }
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue
    const suggestion = ours(name) || forOthers(name) ? null : surelyMeant(name)
    if (suggestion !== null) mistakes.push(unknown('', name, suggestion))
    else if (ours(name)) values.set(name, value.trim())
  }
  return { values, telemetry }
}

const readSettings = (given: ReadonlyMap<string, string>, mistakes: string[]): Values | null => {
  const read: Partial<Record<SettingName, unknown>> = {}
  let whole = true
  for (const name of settingNames) {
    const setting = settings[name]
    const text = given.get(name) ?? setting.fallback
    const reading =
      text === '' && !('mayBeEmpty' in setting)
        ? ({ ok: false, mistake: 'is empty: leave the line out, or write a value' } as const)
        : setting.parse(text)
    if (reading.ok) read[name] = reading.value
    else {
      whole = false
      const printed = text !== '' && mayShow(setting, text) ? `${name}=${shown(text)}` : name
      mistakes.push(`${printed} ${reading.mistake}`)
    }
  }
  return whole ? (read as Values) : null
}

const nodeNameOf = (host: Host): string => {
  const plain = host.name.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '')
  return plain.slice(0, 64) || 'mtscope'
}

const kafkaOf = (values: Values) =>
  values.KAFKA_BROKERS === null
    ? null
    : {
        brokers: values.KAFKA_BROKERS,
        tls: values.KAFKA_TLS,
        // Null: the authorities that the system trusts.
        caFile: values.KAFKA_CA,
        sasl:
          values.KAFKA_SASL === null
            ? null
            : {
                mechanism: values.KAFKA_SASL,
                username: values.KAFKA_USERNAME ?? '',
                password: values.KAFKA_PASSWORD ?? '',
              },
        topics: {
          events: `${values.KAFKA_TOPIC_PREFIX}.events`,
          alerts: `${values.KAFKA_TOPIC_PREFIX}.alerts`,
          deadLetters: `${values.KAFKA_TOPIC_PREFIX}.dead-letters`,
          users: `${values.KAFKA_TOPIC_PREFIX}.users`,
          // Null: ships no spans.
          spans: values.KAFKA_SPANS_TOPIC,
        },
        // For topics that mtscope creates.
        partitions: values.KAFKA_PARTITIONS,
        replicas: values.KAFKA_REPLICAS,
        retentionMs: values.KAFKA_RETENTION,
        // Per partition; null: no limit.
        retentionBytes: values.KAFKA_RETENTION_BYTES,
        compression: values.KAFKA_COMPRESSION,
      }

/** Null: the replay cache and the state are this process's own. */
const redisOf = (values: Values) =>
  values.REDIS_URL === null
    ? null
    : {
        // One for each server: a single Redis, nodes of a cluster, or Sentinels.
        urls: values.REDIS_URL,
        prefix: values.REDIS_PREFIX,
        // None: the authorities that the system trusts.
        ...(values.REDIS_CA === null ? {} : { caFile: values.REDIS_CA }),
      }

/** Field of Config → the one setting whose value it is. */
export const plainFields = {
  port: 'MTPROTO_PORT',
  portShared: 'MTPROTO_PORT_SHARED',
  host: 'MTPROTO_HOST',
  // Null: `users/public-address.ts` finds it.
  publicHost: 'PUBLIC_HOST',
  // Null: no URL is asked.
  publicHostFrom: 'PUBLIC_HOST_FROM',
  // Null: `port`.
  publicPort: 'PUBLIC_PORT',
  modes: 'MODES',
  // The first is the default; empty only if `modes` lacks `tls`.
  tlsDomain: 'TLS_DOMAIN',
  maskPort: 'MASK_PORT',
  recordSizes: 'RECORD_SIZES',
  // Files and URLs.
  blockLists: 'BLOCK_LISTS',
  allowLists: 'ALLOW_LISTS',
  listRefreshMs: 'LIST_REFRESH',
  // What they refuse sees the masking host, or a closed connection.
  blockedClients: 'BLOCKED_CLIENTS',
  fastMode: 'FAST_MODE',
  toClientBuffer: 'TO_CLT_BUFSIZE',
  toDatacenterBuffer: 'TO_TG_BUFSIZE',
  dialTimeoutMs: 'TG_CONNECT_TIMEOUT',
  handshakeTimeoutMs: 'CLIENT_HANDSHAKE_TIMEOUT',
  firstByteTimeoutMs: 'CLIENT_FIRST_BYTE_TIMEOUT',
  ackTimeoutMs: 'CLIENT_ACK_TIMEOUT',
  // `auto`, `system`, or a name: see `host/congestion.ts`.
  congestion: 'TCP_CONGESTION',
  // Bytes; null: no limit.
  clientMss: 'CLIENT_MSS',
  // 0: the limit of the host.
  notSentBytes: 'TCP_NOTSENT_LOWAT',
  idleTimeoutMs: 'IDLE_TIMEOUT',
  stallTimeoutMs: 'STALL_TIMEOUT',
  poolSize: 'MAX_CONNS_IN_POOL',
  maxConnections: 'MAX_CONNECTIONS',
  maxHandshakes: 'MAX_HANDSHAKES',
  // Null: `users.key` in DATA_DIR.
  usersKey: 'USERS_KEY',
  drainMs: 'DRAIN_SECONDS',
  userDrainMs: 'USER_DRAIN_SECONDS',
  addressWindowMs: 'USER_IPS_WINDOW',
  replayEntries: 'REPLAY_CHECK_LEN',
  useMiddleProxy: 'USE_MIDDLE_PROXY',
  // Null: direct.
  upstreams: 'UPSTREAMS',
  preferIpv6: 'PREFER_IPV6',
  adTag: 'AD_TAG',
  middleProxyConnections: 'MIDDLE_PROXY_CONNECTIONS',
  middleProxyFallback: 'MIDDLE_PROXY_FALLBACK',
  portable: 'PORTABLE_RELAY',
  alertFactor: 'ALERT_WINDOWS',
  dataDir: 'DATA_DIR',
  metricsHost: 'METRICS_HOST',
  metricsPort: 'METRICS_PORT',
  unauthenticatedEvents: 'UNAUTHENTICATED_EVENTS_PER_SECOND',
  metricsAllowedHosts: 'METRICS_ALLOWED_HOSTS',
  logMaxBytes: 'LOG_MAX_BYTES',
  logMaxAgeMs: 'LOG_MAX_AGE',
  // 0: no probes.
  probeIntervalMs: 'PROBE_INTERVAL',
  // 0: no examinations.
  doctorIntervalMs: 'DOCTOR_INTERVAL',
  replayOnRedisLoss: 'REPLAY_ON_REDIS_LOSS',
  replayWindowMs: 'REPLAY_WINDOW',
  collectorPort: 'COLLECTOR_PORT',
} as const satisfies Readonly<Record<string, SettingName>>

type PlainFields = { readonly [F in keyof typeof plainFields]: Values[(typeof plainFields)[F]] }

const plainOf = (values: Values): PlainFields =>
  Object.fromEntries(Object.entries(plainFields).map(([field, name]) => [field, values[name]])) as PlainFields

/** Of users that have no own limit. */
const userDefaultsOf = (values: Values): UserLimits => ({
  ...noLimits,
  maxConnections: values.USER_MAX_CONNECTIONS,
  maxAddresses: values.USER_MAX_IPS,
  quotaDay: values.USER_QUOTA_DAY,
  quotaMonth: values.USER_QUOTA_MONTH,
  quotaTotal: values.USER_QUOTA_TOTAL,
  expiresAt: values.USER_EXPIRES,
  rateUp: values.USER_RATE_UP,
  rateDown: values.USER_RATE_DOWN,
  networks: values.USER_NETWORKS,
})

/** `host` and `port`: of the first listener that has them. */
const listeningOf = (values: Values) => {
  const listeners = listenersOf(values)
  return { listeners, ...firstPlace(listeners.map(({ at }) => at)) }
}

const configOf = (values: Values, users: readonly User[], host: Host) => ({
  ...plainOf(values),
  ...listeningOf(values),
  domains: domainsOf(values),
  // Empty if none is set: then `users/secret-store.ts` keeps one.
  users,
  userDefaults: userDefaultsOf(values),
  // Of the default domain; null: unauthenticated clients are forwarded nowhere.
  maskHost: domainsOf(values)[0].site?.host ?? null,
  datacenters: values.TELEGRAM_TEST_DATACENTERS
    ? withTestDatacenters(values.TELEGRAM_DATACENTERS)
    : values.TELEGRAM_DATACENTERS,
  // `config-v6` is null: only IPv4 addresses.
  middleProxyUrls: {
    config: values.MIDDLE_PROXY_CONFIG_URL,
    'config-v6': values.MIDDLE_PROXY_CONFIG_V6_URL,
    secret: values.MIDDLE_PROXY_SECRET_URL,
  },
  // Null: one is kept in DATA_DIR.
  apiTokens: values.API_TOKEN,
  clockSkewSeconds: values.CLOCK_SKEW / 1_000,
  workers: values.WORKERS ?? host.cores,
  node: values.NODE_NAME ?? nodeNameOf(host),
  // Null: events stay in the local event log.
  kafka: kafkaOf(values),
  redis: redisOf(values),
  webhook:
    values.ALERT_WEBHOOK_URL === null
      ? null
      : { url: values.ALERT_WEBHOOK_URL, secret: values.ALERT_WEBHOOK_SECRET },
})

/** Times in ms, sizes in bytes, unless the name has another unit. */
export type Config = Readonly<ReturnType<typeof configOf>>
export type KafkaConfig = NonNullable<Config['kafka']>
export type RedisConfig = NonNullable<Config['redis']>

/**
 * Reads the environment and the text of a `.env` file. Has no side effects and never throws. Returns every mistake in one
 * list, in plain words and without secrets.
 */
export const readConfig = (env: Environment, dotenv = '', host: Host = thisHost()): ConfigReading => {
  const mistakes: string[] = []
  const { values: given, telemetry } = gather(env, dotenv, mistakes)
  const users = readUsers(given, mistakes)
  const values = readSettings(given, mistakes)
  if (values !== null) mistakes.push(...clashes(values))
  return values === null || mistakes.length > 0
    ? { ok: false, mistakes: mistakes.map(discreet) }
    : { ok: true, config: Object.freeze(configOf(values, users, host)), values, telemetry }
}

type Read = Extract<ConfigReading, { ok: true }>

/** Names of the settings that differ between two readings, without users; `5s` and `5` are the same. */
export const changedSettings = (one: Read, other: Read): string[] => [
  ...settingNames.filter((name) => !isDeepStrictEqual(one.values[name], other.values[name])),
  ...Object.keys({ ...one.telemetry, ...other.telemetry }).filter(
    (name) => one.telemetry[name] !== other.telemetry[name],
  ),
]
