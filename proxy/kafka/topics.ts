import type { KafkaClient } from './connect.ts'

/** Makes the topics that are missing; those that are there stay as they are. Throws what kafkajs says. */
export const ensureTopics = async ({ kafka, config }: KafkaClient): Promise<void> => {
  const { topics, partitions, replicas, retentionMs } = config
  const wanted = [
    { topic: topics.events, numPartitions: partitions },
    { topic: topics.alerts, numPartitions: 1 },
    { topic: topics.deadLetters, numPartitions: 1 },
    ...(topics.spans === null ? [] : [{ topic: topics.spans, numPartitions: partitions }]),
  ]
  const admin = kafka.admin()
  await admin.connect()
  try {
    const there = new Set(await admin.listTopics())
    const missing = wanted.filter(({ topic }) => !there.has(topic))
    if (missing.length === 0) return
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map((topic) => ({
        ...topic,
        replicationFactor: replicas,
        configEntries: [{ name: 'retention.ms', value: String(retentionMs) }],
      })),
    })
  } finally {
    await admin.disconnect().catch(() => {})
  }
}
