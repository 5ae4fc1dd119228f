import kafkajs, { type Admin } from 'kafkajs'
import type { KafkaClient } from './connect.ts'

/** Spans are on their way to where traces are kept: they outlast a day in which nobody fetches them. */
const spansAtMostMs = 86_400_000

/** How long the topic of the spans keeps them, when it is made, ms. */
export const spansRetentionMs = (retentionMs: number): number => Math.min(retentionMs, spansAtMostMs)

const kept = (ms: number) => ({ name: 'retention.ms', value: String(ms) })
/** Only whole segments are deleted, and Kafka begins a new one after a GB or a week. */
const cut = (ms: number) => ({ name: 'segment.ms', value: String(Math.max(60_000, Math.round(ms / 4))) })

/** Makes the topics that are missing; those that are there stay as they are. Throws what kafkajs says. */
export const ensureTopics = async ({ kafka, config }: KafkaClient): Promise<void> => {
  const { topics, partitions, replicas, retentionMs } = config
  const ofSpans = spansRetentionMs(retentionMs)
  const asLong = [kept(retentionMs)]
  const wanted = [
    { topic: topics.events, numPartitions: partitions, configEntries: asLong },
    { topic: topics.alerts, numPartitions: 1, configEntries: asLong },
    { topic: topics.deadLetters, numPartitions: 1, configEntries: asLong },
    ...(topics.spans === null
      ? []
      : [{ topic: topics.spans, numPartitions: partitions, configEntries: [kept(ofSpans), cut(ofSpans)] }]),
  ]
  const admin = kafka.admin()
  await admin.connect()
  try {
    const there = new Set(await admin.listTopics())
    const missing = wanted.filter(({ topic }) => !there.has(topic))
    if (missing.length === 0) return
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map((topic) => ({ ...topic, replicationFactor: replicas })),
    })
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

/** How long a topic keeps its messages, ms; null when it does not say, and -1 is for ever. Throws what kafkajs says. */
export const retentionOf = async (admin: Admin, topic: string): Promise<number | null> => {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: ['retention.ms'] }],
  })
  const value = resources[0]?.configEntries.find(
    ({ configName }) => configName === 'retention.ms',
  )?.configValue
  return value === undefined ? null : Number(value)
}
