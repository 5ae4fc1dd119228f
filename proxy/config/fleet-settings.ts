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

/** `host:port` with commas between; IPv6 in brackets. */
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

/** Nothing written, or `none`, stands for null. */
const noneOr =
  <T>(parse: Parse<T>): Parse<T | null> =>
  (text) =>
    text === '' ? parsed(null) : either('none', parse)(text)

/** What a fleet needs beside the settings of one proxy, in the order of `.env.example`. */
export const fleetSettings = {
  KAFKA_BROKERS: {
    parse: noneOr(brokers),
    fallback: 'none',
    doc: 'Brokers that events are shipped to, host:port with commas between; none keeps them in DATA_DIR',
    mayBeEmpty: true,
  },
  KAFKA_TLS: { parse: yesOrNo, fallback: 'false', doc: 'Whether brokers are spoken to in TLS' },
  KAFKA_CA: {
    parse: either('system', given),
    fallback: 'system',
    doc: 'File of the certificate authority that signed the brokers, when no system knows it',
  },
  KAFKA_SASL: {
    parse: either('none', oneOf(['plain', 'scram-sha-256', 'scram-sha-512'])),
    fallback: 'none',
    doc: 'How to log in at the brokers: plain, scram-sha-256 or scram-sha-512',
  },
  KAFKA_USERNAME: { parse: noneOr(given), fallback: 'none', doc: 'Name for KAFKA_SASL', mayBeEmpty: true },
  KAFKA_PASSWORD: {
    parse: noneOr(given),
    fallback: 'none',
    doc: 'Password for KAFKA_SASL',
    mayBeEmpty: true,
  },
  KAFKA_TOPIC_PREFIX: {
    parse: plainName,
    fallback: 'mtscope',
    doc: 'Topics are named after it: mtscope.events, mtscope.alerts, mtscope.dead-letters',
  },
  KAFKA_SPANS_TOPIC: {
    parse: noneOr(plainName),
    fallback: 'otlp_spans',
    doc: 'Topic of the spans, for an OpenTelemetry Collector; none ships no spans',
  },
  KAFKA_PARTITIONS: {
    parse: whole(1, 1_000),
    fallback: '12',
    doc: 'Partitions of mtscope.events when it is made: most collectors that can share the work',
  },
  KAFKA_REPLICAS: {
    parse: whole(1, 15),
    fallback: '1',
    doc: 'Copies of each topic when it is made; 3 where there are three brokers',
  },
  KAFKA_RETENTION: {
    parse: duration(60, 3_660 * day),
    fallback: '30d',
    doc: 'How long a topic that we make keeps events: as far back as a rebuild can go; spans, a day at most',
  },
  KAFKA_RETENTION_BYTES: {
    parse: either('none', bytes(64 * 2 ** 20, 2 ** 44)),
    fallback: '2G',
    doc: 'Most disk of each partition of events; of spans, alerts, dead letters an eighth; none: no bound',
  },
  KAFKA_COMPRESSION: {
    parse: oneOf(['none', 'gzip', 'zstd']),
    fallback: 'zstd',
    doc: 'How messages are compressed: none, gzip or zstd',
  },
  REDIS_URL: {
    parse: noneOr(redisUrls),
    fallback: 'none',
    doc: 'Redis that proxies and collectors share, as redis://:password@host:6379; several make a cluster',
    mayBeEmpty: true,
  },
  REDIS_PREFIX: { parse: plainName, fallback: 'mtscope', doc: 'What every key in Redis begins with' },
  REPLAY_ON_REDIS_LOSS: {
    parse: oneOf(['local', 'refuse']),
    fallback: 'local',
    doc: 'When Redis does not answer in time: trust the local replay cache alone, or refuse the client',
  },
  REPLAY_WINDOW: {
    parse: duration(60, 31 * day),
    fallback: '1h',
    doc: 'How long Redis, and the log at a restart, remember a handshake; in Redis 100 bytes each',
  },
  COLLECTOR_PORT: {
    parse: port,
    fallback: '9465',
    doc: 'Port of the status page and /metrics of a collector that runs by itself; 0 takes any free one',
  },
  ALERT_WEBHOOK_URL: {
    parse: noneOr(webUrl),
    fallback: 'none',
    doc: 'Where alerts are posted to as JSON',
    mayBeEmpty: true,
  },
  ALERT_WEBHOOK_SECRET: {
    parse: noneOr(given),
    fallback: 'none',
    doc: 'Key that signs what is posted to ALERT_WEBHOOK_URL (HMAC-SHA256)',
    mayBeEmpty: true,
  },
} as const
