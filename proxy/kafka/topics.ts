import { setTimeout as delay } from 'node:timers/promises'
import kafkajs, { type Admin } from 'kafkajs'
import type { KafkaConfig } from '../config/config.ts'
import type { KafkaClient } from './connect.ts'

/** `configSource` of a setting of the topic itself, and of Kafka's default. */
const [topicConfig, byDefault] = [1, 5]

/** Spans are only on their way to a store of traces: they must outlast a day in which no collector fetches them. */
const spansAtMostMs = 86_400_000

/** Retention of the topic of spans when mtscope creates it, ms. */
export const spansRetentionMs = (retentionMs: number): number => Math.min(retentionMs, spansAtMostMs)

/** A partition of any other topic has this part of the bound of a partition of events. */
const lesserShare = 8
/** A batch must fit into a segment: brokers accept batches of 1 MiB. */
const leastSegment = 2 * 2 ** 20
const mostSegment = 2 ** 30

type Entry = { readonly name: string; readonly value: string }

const kept = (ms: number): Entry => ({ name: 'retention.ms', value: String(ms) })
/** Kafka deletes only whole segments, and by default begins a new one after a GB or a week. */
const cut = (ms: number): Entry => ({
  name: 'segment.ms',
  value: String(Math.max(60_000, Math.round(ms / 4))),
})

/** Brokers set the times: a proxy with a wrong clock could otherwise send nothing, or keep its segments for years. */
const datedByBroker: Entry = { name: 'message.timestamp.type', value: 'LogAppendTime' }

/** Bounds one partition: Kafka has no bound for a topic. One more segment may exist until Kafka deletes it. */
const sized = (bytes: number | null): readonly Entry[] =>
  bytes === null
    ? []
    : [
        { name: 'retention.bytes', value: String(bytes) },
        {
          name: 'segment.bytes',
          value: String(Math.min(mostSegment, Math.max(leastSegment, Math.floor(bytes / 8)))),
        },
      ]

/** The bound of a partition of each topic, from KAFKA_RETENTION_BYTES; null for no bound. */
export const retentionBytesOf = ({
  topics,
  retentionBytes,
}: Pick<KafkaConfig, 'topics' | 'retentionBytes'>): ReadonlyMap<string, number | null> => {
  const lesser = retentionBytes === null ? null : Math.floor(retentionBytes / lesserShare)
  // Users are kept without end: compaction bounds their topic.
  const names = Object.values(topics).filter((name): name is string => name !== null && name !== topics.users)
  return new Map(names.map((name) => [name, name === topics.events ? retentionBytes : lesser]))
}

/** Keeps the newest record of each key. Compaction leaves the newest segment alone, so that one is closed each hour. */
const compacted: Entry = { name: 'cleanup.policy', value: 'compact' }
const ofUsers: readonly Entry[] = [
  compacted,
  { name: 'segment.ms', value: '3600000' },
  { name: 'min.cleanable.dirty.ratio', value: '0.1' },
]

type Wanted = { readonly topic: string; readonly numPartitions: number; readonly configEntries: Entry[] }

const wantedTopics = (config: KafkaConfig): readonly Wanted[] => {
  const { topics, partitions, retentionMs } = config
  const ofSpans = spansRetentionMs(retentionMs)
  const wanted = [
    { topic: topics.events, numPartitions: partitions, entries: [kept(retentionMs)] },
    { topic: topics.alerts, numPartitions: 1, entries: [kept(retentionMs)] },
    { topic: topics.deadLetters, numPartitions: 1, entries: [kept(retentionMs)] },
    { topic: topics.users, numPartitions: 1, entries: ofUsers },
    ...(topics.spans === null
      ? []
      : [{ topic: topics.spans, numPartitions: partitions, entries: [kept(ofSpans), cut(ofSpans)] }]),
  ]
  const bytes = retentionBytesOf(config)
  return wanted.map(({ topic, numPartitions, entries }) => ({
    topic,
    numPartitions,
    configEntries: [...entries, datedByBroker, ...sized(bytes.get(topic) ?? null)],
  }))
}

/** Clients whose topics were checked: once in a process is enough. */
const bounded = new WeakSet<KafkaClient>()

/**
 * Bounds topics that an earlier version created without a bound in bytes, and lets the brokers set their times. Keeps what
 * an operator set on the topic or the brokers. AlterConfigs replaces all settings of a topic, so it sends the others, too.
 */
const boundTopics = async (admin: Admin, client: KafkaClient, topics: readonly string[]): Promise<void> => {
  const { config, logger } = client
  const bytes = retentionBytesOf(config)
  const type = kafkajs.ConfigResourceTypes.TOPIC
  if (topics.length === 0) return
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: topics.map((name) => ({ type, name })),
    })
    for (const { resourceName: name, configEntries } of resources) {
      const own = configEntries.filter(({ configSource }) => configSource === topicConfig)
      const now = configEntries.find(({ configName }) => configName === 'retention.bytes')
      const isBounded =
        name === config.topics.users || now === undefined || now.configValue !== '-1' || own.includes(now)
      const before = own.map(({ configName, configValue }) => ({ name: configName, value: configValue }))
      const dates = configEntries.find(({ configName }) => configName === datedByBroker.name)
      const policy = configEntries.find(({ configName }) => configName === compacted.name)
      const wanted = [
        ...(name === config.topics.users && policy?.configValue === 'delete' ? [compacted] : []),
        ...(isBounded ? [] : sized(bytes.get(name) ?? null)),
        ...(dates?.configSource === byDefault ? [datedByBroker] : []),
      ]
      const added = wanted.filter((entry) => !before.some(({ name }) => name === entry.name))
      if (added.length === 0) continue
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ type, name, configEntries: [...before, ...added] }],
      })
      logger('info', 'topic-configured', {
        topic: name,
        ...Object.fromEntries(added.map(({ name, value }) => [name, value])),
      })
    }
    bounded.add(client)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    logger('warn', 'topics-unbounded', {
      error: message,
      hint: 'set retention.bytes of the topics with kafka-configs',
    })
  }
}

/** A new topic is not known to every broker immediately, which kafkajs takes for a final error. */
const [knownWithinMs, askMs] = [15_000, 100]

const known = async (admin: Admin, topics: string[]): Promise<void> => {
  for (const deadline = performance.now() + knownWithinMs; ; ) {
    try {
      await admin.fetchTopicMetadata({ topics })
      return
    } catch (error) {
      const { type } = error as { type?: unknown }
      const isTemporary = type === 'UNKNOWN_TOPIC_OR_PARTITION' || type === 'LEADER_NOT_AVAILABLE'
      if (!isTemporary || performance.now() > deadline) throw error
    }
    await delay(askMs)
  }
}

/** Creates missing topics and bounds existing ones that have no bound in bytes. Throws kafkajs' errors. */
export const ensureTopics = async (client: KafkaClient): Promise<void> => {
  const { kafka, config } = client
  const wanted = wantedTopics(config)
  const admin = kafka.admin()
  await admin.connect()
  try {
    const there = new Set(await admin.listTopics())
    if (!bounded.has(client)) {
      const old = wanted.map(({ topic }) => topic).filter((topic) => there.has(topic))
      await boundTopics(admin, client, old)
    }
    const missing = wanted.filter(({ topic }) => !there.has(topic))
    if (missing.length === 0) return
    await admin.createTopics({
      waitForLeaders: false,
      topics: missing.map((topic) => ({ ...topic, replicationFactor: config.replicas })),
    })
    const topics = missing.map(({ topic }) => topic)
    await known(admin, topics)
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

/** A numeric setting of a topic; null when Kafka does not return it. Throws kafkajs' errors. */
const settingOf = async (admin: Admin, topic: string, setting: string): Promise<number | null> => {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: [setting] }],
  })
  const value = resources[0]?.configEntries.find(({ configName }) => configName === setting)?.configValue
  return value === undefined ? null : Number(value)
}

/** Retention of a topic, ms; -1: without end; null when Kafka does not return it. */
export const retentionOf = (admin: Admin, topic: string): Promise<number | null> =>
  settingOf(admin, topic, 'retention.ms')

/** Bound of each partition of a topic, bytes; -1: none; null when Kafka does not return it. */
export const sizeBoundOf = (admin: Admin, topic: string): Promise<number | null> =>
  settingOf(admin, topic, 'retention.bytes')

/** Replicas that must have a batch before it is acknowledged; null when Kafka does not return it. */
export const leastInSyncOf = (admin: Admin, topic: string): Promise<number | null> =>
  settingOf(admin, topic, 'min.insync.replicas')
