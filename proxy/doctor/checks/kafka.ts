import type { KafkaConfig } from '../../config/config.ts'
import { openKafka } from '../../kafka/connect.ts'
import { failureOf, hintOf, type KafkaFailure } from '../../kafka/errors.ts'
import { retentionBytesOf, retentionOf, sizeBoundOf, spansRetentionMs } from '../../kafka/topics.ts'
import { type Check, type Finding, finding, reasonOf } from '../finding.ts'

const limitMs = 7_000

type Topic = {
  readonly partitions: number
  readonly replicas: number
  readonly short: number
}

const wantedTopics = ({ topics }: KafkaConfig): readonly string[] =>
  Object.values(topics).filter((name) => name !== null)

const reported = (kafka: KafkaConfig, name: string, there: Topic | undefined): Finding => {
  const id = `kafka.topic.${name}` as const
  if (there === undefined) {
    return finding(id, 'note', `topic ${name} is not there yet: the proxy makes it when it starts`)
  }
  const { partitions, replicas, short } = there
  const numbers = { partitions, replicas, short }
  const states = `topic ${name}: ${partitions} partitions, ${replicas} copies`
  if (short > 0) {
    return finding(id, 'warn', `${states}; ${short} partitions lack a copy`, {
      advice: 'look at the brokers: one is away or behind',
      numbers,
    })
  }
  return replicas < kafka.replicas
    ? finding(id, 'warn', `${states}, fewer than KAFKA_REPLICAS=${kafka.replicas}`, {
        advice: 'kafka-reassign-partitions, or make the topic again while it is empty',
        numbers,
      })
    : finding(id, 'ok', states, { numbers })
}

const hours = (ms: number): string => (ms < 0 ? 'for ever' : `for ${Math.round(ms / 3_600_000)} h`)

/** A topic that an earlier version made keeps spans as long as events, which is most of Kafka's disk. */
const keptLong = (name: string, keptMs: number | null, retentionMs: number): Finding[] => {
  const wanted = spansRetentionMs(retentionMs)
  if (keptMs === null || (keptMs >= 0 && keptMs <= wanted)) return []
  const change = `retention.ms=${wanted},segment.ms=${Math.round(wanted / 4)}`
  return [
    finding(
      'kafka.spans',
      'note',
      `topic ${name} keeps spans ${hours(keptMs)}: they are fetched within seconds`,
      {
        advice: `kafka-configs --alter --entity-type topics --entity-name ${name} --add-config ${change}`,
      },
    ),
  ]
}

/** What was set on the topic stays, so that it can differ from the setting. */
const sizedOtherwise = (name: string, is: number | null, wanted: number | null): Finding[] => {
  if (is === null || is === (wanted ?? -1)) return []
  const size = is < 0 ? 'has no bound in bytes' : `keeps ${is} bytes in each partition`
  return [
    finding(
      `kafka.size.${name}`,
      'note',
      `topic ${name} ${size}; KAFKA_RETENTION_BYTES asks for ${wanted ?? 'none'}`,
      {
        advice: `kafka-configs --alter --entity-type topics --entity-name ${name} --add-config retention.bytes=${wanted ?? -1}`,
      },
    ),
  ]
}

/** Nothing is written and nothing is made: metadata alone. */
const asked = async (kafka: KafkaConfig): Promise<readonly Finding[]> => {
  const admin = openKafka(kafka, 'mtscope-doctor', () => {}).kafka.admin()
  try {
    const startedAt = performance.now()
    await admin.connect()
    const { brokers } = await admin.describeCluster()
    const elapsedMs = Math.round(performance.now() - startedAt)
    const names = new Set(await admin.listTopics())
    const topics = wantedTopics(kafka).filter((name) => names.has(name))
    const metadata = topics.length === 0 ? [] : (await admin.fetchTopicMetadata({ topics })).topics
    const there = new Map(
      metadata.map(({ name, partitions }): [string, Topic] => [
        name,
        {
          partitions: partitions.length,
          replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
          short: partitions.filter(({ isr, replicas }) => isr.length < replicas.length).length,
        },
      ]),
    )
    const { spans } = kafka.topics
    const spansMs = spans !== null && there.has(spans) ? await retentionOf(admin, spans) : null
    const sizes = new Map<string, number | null>()
    for (const topic of topics) sizes.set(topic, await sizeBoundOf(admin, topic))
    const numbers = { brokers: brokers.length, elapsedMs }
    return [
      brokers.length < kafka.replicas
        ? finding(
            'kafka.brokers',
            'warn',
            `${brokers.length} brokers, for KAFKA_REPLICAS=${kafka.replicas}`,
            {
              advice: `KAFKA_REPLICAS=${brokers.length}, or more brokers`,
              numbers,
            },
          )
        : finding('kafka.brokers', 'ok', `${brokers.length} brokers, answered in ${elapsedMs} ms`, {
            numbers,
          }),
      ...wantedTopics(kafka).map((name) => reported(kafka, name, there.get(name))),
      ...keptLong(spans ?? '', spansMs, kafka.retentionMs),
      ...[...retentionBytesOf(kafka)].flatMap(([name, bytes]) =>
        sizedOtherwise(name, sizes.get(name) ?? null, bytes),
      ),
    ]
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

const away = (why: string, advice: string | null = null): Finding =>
  finding('kafka.brokers', 'fail', `no broker of KAFKA_BROKERS answers: ${why}`, {
    advice:
      advice ??
      'look whether Kafka runs, and at KAFKA_BROKERS, KAFKA_TLS and KAFKA_SASL; events wait in DATA_DIR',
  })

/** Where a broker answered, it is named what keeps us from it. */
const awayBy = (failure: KafkaFailure, reason: string): Finding =>
  failure === 'advertised'
    ? finding(
        'kafka.brokers',
        'fail',
        'a broker answers, and sends clients to an address that cannot be reached from here',
        {
          advice: hintOf(failure),
        },
      )
    : away(failure === 'other' ? reason : `${failure} (${reason})`, hintOf(failure))

export const kafkaCheck: Check = async ({ config: { kafka } }) => {
  if (kafka === null)
    return [finding('kafka.use', 'ok', 'not used: events stay in DATA_DIR (KAFKA_BROKERS=none)')]
  const late = Promise.withResolvers<readonly Finding[]>()
  const timer = setTimeout(() => late.resolve([away(`silent for ${limitMs / 1_000} s`)]), limitMs)
  const answered = asked(kafka).catch((error: unknown) => [
    awayBy(failureOf(error, kafka.brokers), reasonOf(error)),
  ])
  return Promise.race([answered, late.promise]).finally(() => clearTimeout(timer))
}
