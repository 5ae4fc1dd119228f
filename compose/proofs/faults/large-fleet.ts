import { readFileSync } from 'node:fs'
import { certificateFiles } from '../../test/kit/servers/certificate-files.ts'
import { clusterLogin, type KafkaCluster, startKafkaCluster } from '../../test/services/kafka-cluster.ts'
import {
  type Redis,
  type RedisCluster,
  type SentinelRedis,
  startRedisCluster,
  startSentinelRedis,
} from '../../test/services/redis.ts'

/** The Redis of a fleet with three brokers: three masters with a replica each, or a master with a replica and three Sentinels. */
export type LargeKind = 'cluster' | 'sentinel'

export type LargeFleet = {
  readonly kafka: KafkaCluster
  /** Null for the other kind. */
  readonly cluster: RedisCluster | null
  readonly sentinel: SentinelRedis | null
  readonly servers: { readonly kafka: KafkaCluster['nodes'][number]; readonly redis: Redis }
  readonly env: Readonly<Record<string, string>>
}

export const redisPassword = 'hush'

/** Starts the servers of a large fleet, with TLS and logins everywhere; `stack` owns them. */
export const startLargeFleet = async (stack: AsyncDisposableStack, kind: LargeKind): Promise<LargeFleet> => {
  const { tls } = stack.use(certificateFiles())
  const read = (file: string): string => readFileSync(file, 'utf8')
  const secured = { tls, password: redisPassword }
  const kafka = stack.use(
    await startKafkaCluster({ key: read(tls.key), cert: read(tls.cert), ca: read(tls.ca) }),
  )
  const cluster = kind === 'cluster' ? stack.use(await startRedisCluster({ ...secured, replicas: 1 })) : null
  const sentinel = kind === 'sentinel' ? stack.use(await startSentinelRedis(secured)) : null
  const redis = (cluster ?? sentinel)!.nodes[0]!
  return {
    kafka,
    cluster,
    sentinel,
    servers: { kafka: kafka.nodes[0]!, redis },
    env: {
      KAFKA_BROKERS: kafka.brokers.join(),
      KAFKA_TLS: 'true',
      KAFKA_CA: tls.ca,
      KAFKA_SASL: 'scram-sha-512',
      KAFKA_USERNAME: clusterLogin.username,
      KAFKA_PASSWORD: clusterLogin.password,
      KAFKA_REPLICAS: '3',
      REDIS_URL: sentinel?.url ?? `rediss+cluster://:${redisPassword}@127.0.0.1:${redis.port}`,
      REDIS_CA: tls.ca,
    },
  }
}
