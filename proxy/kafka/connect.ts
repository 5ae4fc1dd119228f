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
import { certificates } from '../net/certificates.ts'
import { patchMetadata } from './metadata.ts'
import { patchQueue } from './quiet-queue.ts'
import { patchFetch } from './raw-fetch.ts'

/** A kafkajs client with its settings. Only this folder imports kafkajs. */
export type KafkaClient = {
  readonly kafka: Kafka
  readonly config: KafkaConfig
  readonly logger: Logger
  /** kafkajs' number of KAFKA_COMPRESSION. */
  readonly compression: number
}

const compress = promisify(zstdCompress)
/** Bounds a request to a broker that is frozen or behind a network that loses packets. */
const longestRequestMs = 8_000

// kafkajs has no zstd; Node has. records.ts decompresses fetched batches.
kafkajs.CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: ({ buffer }: { buffer: Buffer }) => compress(buffer),
  decompress: () => Promise.reject(new Error('not used')),
})
patchFetch()
patchMetadata()

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

/**
 * A client that connects on first use. kafkajs logs nothing: producer and consumer log each failure once. Throws when
 * KAFKA_CA cannot be used.
 */
export const openKafka = (
  config: KafkaConfig,
  name: string,
  logger: Logger,
  requestMs: number = longestRequestMs,
): KafkaClient => {
  if (!patchQueue())
    logger('warn', 'kafkajs-changed', { hint: 'an idle connection may take a few percent of a core' })
  const sasl = saslOf(config)
  const options: Options = {
    clientId: name,
    brokers: [...config.brokers],
    ssl: config.tls
      ? config.caFile === null
        ? true
        : { ca: [certificates('KAFKA_CA', config.caFile)] }
      : false,
    ...(sasl === null ? {} : { sasl }),
    connectionTimeout: 3_000,
    requestTimeout: requestMs,
    enforceRequestTimeout: true,
    // Few retries: producer.ts retries without end, with the same batch.
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 4 },
    logLevel: logLevel.NOTHING,
  }
  return { kafka: new Kafka(options), config, logger, compression: compressions[config.compression] }
}
