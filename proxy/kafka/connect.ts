import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { zstdCompress } from 'node:zlib'
import kafkajs, {
  CompressionTypes,
  Kafka,
  logLevel,
  type KafkaConfig as Options,
  type SASLOptions,
} from 'kafkajs'
import type { KafkaConfig } from '../config/config.ts'
import type { Logger } from '../logger/logger.ts'
import { fetchTopicIds } from './metadata.ts'
import { quietQueue } from './quiet-queue.ts'
import { fetchRaw } from './raw-fetch.ts'

/** The one door to kafkajs: everything that has to be known of it is in this folder. */
export type KafkaClient = {
  readonly kafka: Kafka
  readonly config: KafkaConfig
  readonly logger: Logger
  /** kafkajs' number of the compression that the settings ask for. */
  readonly compression: number
}

const compress = promisify(zstdCompress)
/** A broker that is frozen, or a network that swallows packets, must not hold a request for ever. */
const longestRequestMs = 8_000

// kafkajs has no zstd of its own, and Node has. What is fetched is decompressed in records.ts.
kafkajs.CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: ({ buffer }: { buffer: Buffer }) => compress(buffer),
  decompress: () => Promise.reject(new Error('not used')),
})
fetchRaw()
fetchTopicIds()

const compressions = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  zstd: CompressionTypes.ZSTD,
} as const

const saslOf = ({ sasl }: KafkaConfig): SASLOptions | null => {
  if (sasl === null) return null
  const { mechanism, ...login } = sasl
  return { mechanism, ...login } as SASLOptions
}

const pem = /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----.*?-----END \1?CERTIFICATE-----/gs

/** node:tls passes by what it cannot read, and would trust nobody then. */
const readable = (block: string): boolean => {
  try {
    return new X509Certificate(block).serialNumber !== ''
  } catch {
    return false
  }
}

const certificates = (file: string): string => {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new Error(`KAFKA_CA: the file cannot be read (${why}): write the path of a certificate in PEM`)
  }
  const blocks = text.match(pem) ?? []
  if (blocks.length > 0 && blocks.every(readable)) return text
  throw new Error('KAFKA_CA: the file holds no certificate in PEM, or a damaged one')
}

/**
 * A client that connects when it is first used. kafkajs' own log is left out: what matters of it is told once, in plain
 * words, by who uses the client. Throws when KAFKA_CA cannot be used.
 */
export const openKafka = (
  config: KafkaConfig,
  name: string,
  logger: Logger,
  requestMs: number = longestRequestMs,
): KafkaClient => {
  if (!quietQueue())
    logger('warn', 'kafkajs-changed', { hint: 'an idle connection may take a few percent of a core' })
  const sasl = saslOf(config)
  const options: Options = {
    clientId: name,
    brokers: [...config.brokers],
    ssl: config.tls ? (config.caFile === null ? true : { ca: [certificates(config.caFile)] }) : false,
    ...(sasl === null ? {} : { sasl }),
    connectionTimeout: 3_000,
    requestTimeout: requestMs,
    enforceRequestTimeout: true,
    // Short: who sends tries again for ever, with the same batch (see producer.ts).
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 4 },
    logLevel: logLevel.NOTHING,
  }
  return { kafka: new Kafka(options), config, logger, compression: compressions[config.compression] }
}
