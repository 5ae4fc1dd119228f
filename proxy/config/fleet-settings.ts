import { isIP } from 'node:net'
import { hostAndPort } from '../net/host-name.ts'
import {
  bytes,
  duration,
  either,
  host,
  mistaken,
  oneOf,
  type Parse,
  parsed,
  port,
  urlOf,
  whole,
  yesOrNo,
} from './parse.ts'
import { redisUrls } from './redis-url.ts'

const day = 86_400

/** Names, addresses and ports: a text of another form may hold a password that was misplaced. */
const plainBrokers = /^[A-Za-z0-9.:,[\] -]*$/

/** `host:port`, comma-separated; IPv6 in brackets. */
const brokers: Parse<readonly string[]> = (text) => {
  const items = text.split(',').map((item) => {
    const [, name = '', number = ''] = /^(.+):(\d{1,5})$/.exec(item.trim()) ?? []
    const read = host(name)
    if (!read.ok || isIP(name) === 6 || !whole(1, 65_535)(number).ok) return null
    return hostAndPort(read.value, number)
  })
  return items.every((item) => item !== null)
    ? parsed(items)
    : mistaken('must be host:port, with commas between, as kafka-1:9092,kafka-2:9092 or [fd00::1]:9092')
}

const webUrl: Parse<string> = (text) =>
  urlOf(text, 'http:', 'https:') === null ? mistaken('must be an http:// or https:// address') : parsed(text)

const plainName: Parse<string> = (text) =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text)
    ? parsed(text)
    : mistaken('must be 1 to 64 letters, digits, dots, dashes or underscores')

const given: Parse<string> = (text) => (text === '' ? mistaken('is empty') : parsed(text))

/** 64 hex digits, or the path of a file with them. */
const usersKey: Parse<string> = (text) =>
  /^[0-9a-f]{64}$/i.test(text) || (text.startsWith('/') && !text.includes('\0'))
    ? parsed(text)
    : mistaken(
        'must be 64 hex digits, as `openssl rand -hex 32` prints, the path of a file with them, or auto',
      )

/** Null for an empty text and for `none`. */
const noneOr =
  <T>(parse: Parse<T>): Parse<T | null> =>
  (text) =>
    text === '' ? parsed(null) : either('none', parse)(text)

/** The settings of a fleet, in the order of `.env.example`. */
export const fleetSettings = {
  KAFKA_BROKERS: {
    parse: noneOr(brokers),
    fallback: 'none',
    doc: 'Brokers to which events are shipped, as host:port, comma-separated; none keeps events in DATA_DIR',
    shown: 'here',
    shownWhen: plainBrokers,
    mayBeEmpty: true,
  },
  KAFKA_TLS: { parse: yesOrNo, fallback: 'false', doc: 'true connects to the brokers by TLS', shown: 'here' },
  KAFKA_CA: {
    parse: either('system', given),
    fallback: 'system',
    doc: 'File with the certificate authority of the brokers; system uses the authorities that the system trusts',
    shown: 'here',
  },
  KAFKA_SASL: {
    parse: either('none', oneOf(['plain', 'scram-sha-256', 'scram-sha-512'])),
    fallback: 'none',
    doc: 'Login mechanism of the brokers: plain, scram-sha-256 or scram-sha-512; none does not log in',
    shown: 'here',
  },
  KAFKA_USERNAME: {
    parse: noneOr(given),
    fallback: 'none',
    doc: 'User name for KAFKA_SASL; none sets no name',
    secret: true,
    mayBeEmpty: true,
  },
  KAFKA_PASSWORD: {
    parse: noneOr(given),
    fallback: 'none',
    doc: 'Password for KAFKA_SASL; none sets no password',
    secret: true,
    mayBeEmpty: true,
  },
  USERS_KEY: {
    parse: either('auto', usersKey),
    fallback: 'auto',
    doc: 'Key that seals users in Kafka: 64 hex digits, or a file with them, the same for each node; auto makes users.key in DATA_DIR',
    secret: true,
  },
  KAFKA_TOPIC_PREFIX: {
    parse: plainName,
    fallback: 'mtscope',
    doc: 'Prefix of the topics: mtscope makes mtscope.events, mtscope.alerts, mtscope.dead-letters and mtscope.users',
    shown: 'here',
  },
  KAFKA_SPANS_TOPIC: {
    parse: noneOr(plainName),
    fallback: 'otlp_spans',
    doc: 'Topic of the spans, for an OpenTelemetry Collector; none ships no spans',
    shown: 'here',
  },
  KAFKA_PARTITIONS: {
    parse: whole(1, 1_000),
    fallback: '12',
    doc: 'Number of partitions of mtscope.events when it is created: at most so many collectors share the work',
    shown: 'here',
  },
  KAFKA_REPLICAS: {
    parse: whole(1, 15),
    fallback: '1',
    doc: 'Number of copies of each topic when it is created; use 3 with three brokers',
    shown: 'here',
  },
  KAFKA_RETENTION: {
    parse: duration(60, 3_660 * day),
    fallback: '30d',
    doc: 'How long a topic made by mtscope keeps events, seconds (as 30d): as far back as a rebuild can go; spans a day at most',
    shown: 'here',
  },
  KAFKA_RETENTION_BYTES: {
    parse: either('none', bytes(64 * 2 ** 20, 2 ** 44)),
    fallback: '2G',
    doc: 'Maximum size of each partition of events, bytes (as 2G); an eighth for spans, alerts and dead letters; none sets no limit',
    shown: 'here',
  },
  KAFKA_COMPRESSION: {
    parse: oneOf(['none', 'gzip', 'zstd']),
    fallback: 'zstd',
    doc: 'Compression of messages: none, gzip or zstd',
    shown: 'here',
  },
  REDIS_URL: {
    parse: noneOr(redisUrls),
    fallback: 'none',
    doc: 'Redis of the fleet: redis://:password@host:6379, redis+cluster:// or redis+sentinel:// (redis/README.md), rediss by TLS; none uses no Redis',
    secret: true,
    mayBeEmpty: true,
  },
  REDIS_CA: {
    parse: either('system', given),
    fallback: 'system',
    doc: 'File with the certificate authority of Redis; system uses the authorities that the system trusts',
    shown: 'here',
  },
  REDIS_PREFIX: { parse: plainName, fallback: 'mtscope', doc: 'Prefix of every key in Redis', shown: 'here' },
  REPLAY_ON_REDIS_LOSS: {
    parse: oneOf(['local', 'refuse']),
    fallback: 'local',
    doc: 'If Redis does not answer in time: local uses the local replay cache alone, refuse refuses the client',
    shown: 'everywhere',
  },
  REPLAY_WINDOW: {
    parse: duration(60, 31 * day),
    fallback: '1h',
    doc: 'How long Redis, and the event log after a restart, remember a handshake, seconds (as 1h); 210 bytes each in Redis',
    shown: 'everywhere',
  },
  COLLECTOR_PORT: {
    parse: port,
    fallback: '9465',
    doc: 'Port of the status page and /metrics of a separate collector; 0 takes any free port',
    shown: 'everywhere',
  },
  ALERT_WEBHOOK_URL: {
    parse: noneOr(webUrl),
    fallback: 'none',
    doc: 'URL to which alerts are posted as JSON; none disables it',
    secret: true,
    mayBeEmpty: true,
  },
  ALERT_WEBHOOK_SECRET: {
    parse: noneOr(given),
    fallback: 'none',
    doc: 'Key that signs what is posted to ALERT_WEBHOOK_URL (HMAC-SHA256); none does not sign',
    secret: true,
    mayBeEmpty: true,
  },
} as const
