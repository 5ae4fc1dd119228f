import type { KafkaConfig } from '../../../../proxy/config/config.ts'

/** For tests: the Kafka settings of a fleet with these brokers. */
export const testConfig = (brokers: readonly string[], prefix = 'mtscope', partitions = 3): KafkaConfig => ({
  brokers,
  tls: false,
  caFile: null,
  sasl: null,
  topics: {
    events: `${prefix}.events`,
    alerts: `${prefix}.alerts`,
    deadLetters: `${prefix}.dead-letters`,
    users: `${prefix}.users`,
    spans: `${prefix}_spans`,
  },
  partitions,
  replicas: 1,
  retentionMs: 86_400_000,
  retentionBytes: 2 ** 30,
  compression: 'zstd',
})
