import { availableParallelism, hostname } from 'node:os'
import { isDeepStrictEqual } from 'node:util'
import type { User } from '../users/user.ts'
import { composeSettings } from './compose-settings.ts'
import { readDotenv } from './dotenv.ts'
import { isLoopback } from './parse.ts'
import { isSetting, type SettingName, settingNames, settings, type Values } from './settings.ts'
import { meant, surelyMeant, userSetting } from './suggestions.ts'
import { readUsers } from './users.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What the machine itself says, for settings left at `auto`. */
export type Host = { readonly cores: number; readonly name: string }

export type ConfigReading =
  | {
      readonly ok: true
      readonly config: Config
      /** What was read of each setting, users not among them. */
      readonly values: Values
      /** `OTEL_*` of the .env file, which OpenTelemetry reads from the process environment. */
      readonly telemetry: Readonly<Record<string, string>>
    }
  | { readonly ok: false; readonly mistakes: readonly string[] }

const forOthers = (name: string): boolean =>
  /^(?:OTEL|COMPOSE)_/.test(name) || Object.hasOwn(composeSettings, name)

const thisHost = (): Host => ({ cores: availableParallelism(), name: hostname() })

/** Makes a text fit to be told: one line, and nothing in it that could be a secret. */
const discreet = (text: string): string =>
  text
    .replace(/[^\x20-\x7e\p{L}\p{M}\p{N}]/gu, '?')
    .replace(/[0-9a-f]{32,}|[\p{L}\p{M}\p{N}_+/=-]{40,}/giu, '...')

const longestShown = 60

const shown = (value: string): string =>
  value.length > longestShown ? `${discreet(value).slice(0, longestShown)}...` : value

const withheld: ReadonlySet<string> = new Set([
  'PUBLIC_HOST_FROM',
  'AD_TAG',
  'KAFKA_BROKERS',
  'KAFKA_USERNAME',
  'KAFKA_PASSWORD',
  'REDIS_URL',
  'ALERT_WEBHOOK_URL',
  'ALERT_WEBHOOK_SECRET',
])

const unknown = (place: string, name: string, suggestion: string | null): string =>
  `${place}${name} is not a setting${suggestion === null ? ': leave it out' : `: did you mean ${suggestion}?`}`

/** A list of brokers may be told when it is made of nothing but names, addresses and ports. */
const plainBrokers = /^[A-Za-z0-9.:,[\] -]*$/

const mayBeShown = (name: SettingName, text: string): boolean =>
  !withheld.has(name) || (name === 'KAFKA_BROKERS' && plainBrokers.test(text))

type Given = { readonly values: ReadonlyMap<string, string>; readonly telemetry: Record<string, string> }

/** What is set, wherever it is; the environment wins over the file. */
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
      const printed = text !== '' && mayBeShown(name, text) ? `${name}=${shown(text)}` : name
      mistakes.push(`${printed} ${reading.mistake}`)
    }
  }
  return whole ? (read as Values) : null
}

/** Settings that are right each, and wrong together. */
const clashes = (values: Values): string[] => {
  const reported: string[] = []
  const { MTPROTO_PORT, METRICS_PORT, MASK_HOST, MASK_PORT, TLS_DOMAIN } = values
  if (MTPROTO_PORT === METRICS_PORT && MTPROTO_PORT !== 0) {
    reported.push(`MTPROTO_PORT and METRICS_PORT are both ${MTPROTO_PORT}: give one of them another port`)
  }
  if (values.MODES.includes('tls') && TLS_DOMAIN === '') {
    reported.push('TLS_DOMAIN is empty, but MODES has tls: write a domain, or leave tls out of MODES')
  }
  if (MTPROTO_PORT !== 0 && MASK_PORT === MTPROTO_PORT && isLoopback(MASK_HOST)) {
    reported.push(
      `MASK_HOST=${MASK_HOST} with MASK_PORT=${MASK_PORT} is this proxy itself: write another site, or off`,
    )
  }
  if (values.KAFKA_SASL !== null && (values.KAFKA_USERNAME === null || values.KAFKA_PASSWORD === null)) {
    reported.push(`KAFKA_SASL=${values.KAFKA_SASL} needs KAFKA_USERNAME and KAFKA_PASSWORD: write both`)
  }
  if (values.KAFKA_CA !== null && !values.KAFKA_TLS) {
    reported.push('KAFKA_CA is written, but KAFKA_TLS is false: set KAFKA_TLS=true, or leave KAFKA_CA out')
  }
  // A signed hello is good for so long before and after its time.
  if (values.REPLAY_WINDOW < 2 * values.CLOCK_SKEW) {
    reported.push(
      `REPLAY_WINDOW is shorter than twice CLOCK_SKEW: write ${(2 * values.CLOCK_SKEW) / 1_000} or more`,
    )
  }
  return reported
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
          // Null: no spans are shipped.
          spans: values.KAFKA_SPANS_TOPIC,
        },
        // Of the topics that we make.
        partitions: values.KAFKA_PARTITIONS,
        replicas: values.KAFKA_REPLICAS,
        retentionMs: values.KAFKA_RETENTION,
        // Of a partition; null: no bound.
        retentionBytes: values.KAFKA_RETENTION_BYTES,
        compression: values.KAFKA_COMPRESSION,
      }

const configOf = (values: Values, users: readonly User[], host: Host) => ({
  port: values.MTPROTO_PORT,
  portShared: values.MTPROTO_PORT_SHARED,
  host: values.MTPROTO_HOST,
  // For the links; null: found by `public-address.ts`, and the port that is listened on.
  publicHost: values.PUBLIC_HOST,
  // Null: nobody is asked.
  publicHostFrom: values.PUBLIC_HOST_FROM,
  publicPort: values.PUBLIC_PORT,
  // Empty when none is written: then the kept secret of `secrets.ts` is used.
  users,
  modes: values.MODES,
  // Empty only when `modes` is without `tls`.
  tlsDomain: values.TLS_DOMAIN,
  // Null: strangers are sent nowhere.
  maskHost:
    values.MASK_HOST === 'auto'
      ? values.TLS_DOMAIN || null
      : values.MASK_HOST === 'off'
        ? null
        : values.MASK_HOST,
  maskPort: values.MASK_PORT,
  fastMode: values.FAST_MODE,
  // Bytes; `high` holds while fewer than `below` connections are relayed, `low` else.
  toClientBuffer: values.TO_CLT_BUFSIZE,
  toDatacenterBuffer: values.TO_TG_BUFSIZE,
  dialTimeoutMs: values.TG_CONNECT_TIMEOUT,
  handshakeTimeoutMs: values.CLIENT_HANDSHAKE_TIMEOUT,
  firstByteTimeoutMs: values.CLIENT_FIRST_BYTE_TIMEOUT,
  ackTimeoutMs: values.CLIENT_ACK_TIMEOUT,
  idleTimeoutMs: values.IDLE_TIMEOUT,
  stallTimeoutMs: values.STALL_TIMEOUT,
  poolSize: values.MAX_CONNS_IN_POOL,
  maxConnections: values.MAX_CONNECTIONS,
  maxHandshakes: values.MAX_HANDSHAKES,
  drainMs: values.DRAIN_SECONDS,
  replayEntries: values.REPLAY_CHECK_LEN,
  clockSkewSeconds: values.CLOCK_SKEW / 1_000,
  datacenters: values.TELEGRAM_DATACENTERS,
  workers: values.WORKERS ?? host.cores,
  portable: values.PORTABLE_RELAY,
  alertFactor: values.ALERT_WINDOWS,
  dataDir: values.DATA_DIR,
  node: values.NODE_NAME ?? nodeNameOf(host),
  metricsHost: values.METRICS_HOST,
  metricsPort: values.METRICS_PORT,
  unauthenticatedEvents: values.UNAUTHENTICATED_EVENTS_PER_SECOND,
  metricsAllowedHosts: values.METRICS_ALLOWED_HOSTS,
  logMaxBytes: values.LOG_MAX_BYTES,
  logMaxAgeMs: values.LOG_MAX_AGE,
  // 0: no probes.
  probeIntervalMs: values.PROBE_INTERVAL,
  // 0: no looks.
  doctorIntervalMs: values.DOCTOR_INTERVAL,
  // Null: events stay in the local log.
  kafka: kafkaOf(values),
  // Null: the replay cache and the state are this process's own. Several URLs are nodes of one cluster.
  redis: values.REDIS_URL === null ? null : { urls: values.REDIS_URL, prefix: values.REDIS_PREFIX },
  replayOnRedisLoss: values.REPLAY_ON_REDIS_LOSS,
  replayWindowMs: values.REPLAY_WINDOW,
  collectorPort: values.COLLECTOR_PORT,
  webhook:
    values.ALERT_WEBHOOK_URL === null
      ? null
      : { url: values.ALERT_WEBHOOK_URL, secret: values.ALERT_WEBHOOK_SECRET },
})

/** Times in ms, sizes in bytes, unless the name says otherwise. */
export type Config = Readonly<ReturnType<typeof configOf>>
export type KafkaConfig = NonNullable<Config['kafka']>
export type RedisConfig = NonNullable<Config['redis']>

/**
 * Reads the environment and the text of a `.env` file. Touches nothing, never throws, and tells every mistake at once
 * in plain words that repeat no secret.
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

/** The names of what differs between two readings, users aside; `5s` and `5` are the same. */
export const changedSettings = (one: Read, other: Read): string[] => [
  ...settingNames.filter((name) => !isDeepStrictEqual(one.values[name], other.values[name])),
  ...Object.keys({ ...one.telemetry, ...other.telemetry }).filter(
    (name) => one.telemetry[name] !== other.telemetry[name],
  ),
]
