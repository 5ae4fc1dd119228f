import type { KafkaConfig } from '../../config/config.ts'
import { openKafka } from '../../kafka/connect.ts'
import { failureOf, hintOf, type KafkaFailure } from '../../kafka/errors.ts'
import {
  leastInSyncOf,
  retentionBytesOf,
  retentionOf,
  sizeBoundOf,
  spansRetentionMs,
} from '../../kafka/topics.ts'
import { type Check, type Finding, finding, reasonOf } from '../finding.ts'

const limitMs = 7_000

type Topic = {
  readonly partitions: number
  readonly replicas: number
  readonly short: number
}

const wantedTopics = ({ topics }: KafkaConfig): readonly string[] =>
  Object.values(topics).filter((name) => name !== null)

const topicFinding = (kafka: KafkaConfig, name: string, there: Topic | undefined): Finding => {
  const id = `kafka.topic.${name}` as const
  if (there === undefined) {
    return finding(id, 'note', `topic ${name} does not exist yet; the proxy creates it at its start`)
  }
  const { partitions, replicas, short } = there
  const numbers = { partitions, replicas, short }
  const states = `topic ${name}: ${partitions} partitions, ${replicas} replicas`
  if (short > 0) {
    return finding(id, 'warn', `${states}; ${short} partitions lack an in-sync replica`, {
      advice: 'find the broker that is down or behind: kafka-topics --describe --under-replicated-partitions',
      numbers,
    })
  }
  return replicas < kafka.replicas
    ? finding(id, 'warn', `${states}, fewer than KAFKA_REPLICAS=${kafka.replicas}`, {
        advice: 'add replicas with kafka-reassign-partitions, or create the topic again while it is empty',
        numbers,
      })
    : finding(id, 'ok', states, { numbers })
}

const hours = (ms: number): string =>
  ms < 0 ? 'without a limit of time' : `for ${Math.round(ms / 3_600_000)} h`

/** A topic from an earlier version keeps spans as long as events: they take most of Kafka's disk. */
const spansRetention = (name: string, keptMs: number | null, retentionMs: number): Finding[] => {
  const wanted = spansRetentionMs(retentionMs)
  if (keptMs === null || (keptMs >= 0 && keptMs <= wanted)) return []
  const change = `retention.ms=${wanted},segment.ms=${Math.round(wanted / 4)}`
  return [
    finding(
      'kafka.spans',
      'note',
      `topic ${name} keeps spans ${hours(keptMs)}; consumers fetch them within seconds, and the rest fills the disk`,
      {
        advice: `run kafka-configs --alter --entity-type topics --entity-name ${name} --add-config ${change}`,
      },
    ),
  ]
}

/** A limit of the topic itself stays when the setting changes. */
const sizeFindings = (name: string, is: number | null, wanted: number | null): Finding[] => {
  if (is === null || is === (wanted ?? -1)) return []
  const size = is < 0 ? 'has no size limit' : `keeps ${is} bytes per partition`
  return [
    finding(
      `kafka.size.${name}`,
      'note',
      `topic ${name} ${size}, but KAFKA_RETENTION_BYTES is ${wanted ?? 'none'}`,
      {
        advice: `run kafka-configs --alter --entity-type topics --entity-name ${name} --add-config retention.bytes=${wanted ?? -1}`,
      },
    ),
  ]
}

/** Whether acknowledged events survive the loss of a broker, and whether the topic takes events without one. */
const inSyncFindings = (name: string, replicas: number, least: number | null): Finding[] => {
  if (replicas < 2 || least === null) return []
  const id = 'kafka.in-sync'
  const numbers = { replicas, least }
  if (least < 2) {
    return [
      finding(id, 'warn', `topic ${name} acknowledges events that one broker has: they are lost with it`, {
        advice: `run kafka-configs --alter --entity-type topics --entity-name ${name} --add-config min.insync.replicas=2`,
        numbers,
      }),
    ]
  }
  return [
    least >= replicas
      ? finding(id, 'warn', `topic ${name} takes no events while one broker is down`, {
          advice: `keep min.insync.replicas=${least}, and add replicas with kafka-reassign-partitions`,
          numbers,
        })
      : finding(id, 'ok', `topic ${name}: ${least} brokers have each acknowledged event`, { numbers }),
  ]
}

/** Reads metadata only; writes and creates nothing. */
const readCluster = async (kafka: KafkaConfig): Promise<readonly Finding[]> => {
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
    const { events } = kafka.topics
    const leastInSync = there.has(events) ? await leastInSyncOf(admin, events) : null
    const numbers = { brokers: brokers.length, elapsedMs }
    return [
      brokers.length < kafka.replicas
        ? finding(
            'kafka.brokers',
            'warn',
            `${brokers.length} brokers are fewer than KAFKA_REPLICAS=${kafka.replicas}: topics cannot be created`,
            {
              advice: `set KAFKA_REPLICAS=${brokers.length}, or add brokers`,
              numbers,
            },
          )
        : finding('kafka.brokers', 'ok', `${brokers.length} brokers, answer in ${elapsedMs} ms`, {
            numbers,
          }),
      ...wantedTopics(kafka).map((name) => topicFinding(kafka, name, there.get(name))),
      ...inSyncFindings(events, there.get(events)?.replicas ?? 0, leastInSync),
      ...spansRetention(spans ?? '', spansMs, kafka.retentionMs),
      ...[...retentionBytesOf(kafka)].flatMap(([name, bytes]) =>
        sizeFindings(name, sizes.get(name) ?? null, bytes),
      ),
    ]
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

const unreachable = (why: string, advice: string | null = null): Finding =>
  finding('kafka.brokers', 'fail', `no broker of KAFKA_BROKERS answers: ${why}; events wait in DATA_DIR`, {
    advice: advice ?? 'check that Kafka runs, and check KAFKA_BROKERS, KAFKA_TLS and KAFKA_SASL',
  })

/** Distinguishes a broker that answers and cannot be used from one that does not answer. */
const failureFinding = (failure: KafkaFailure, reason: string): Finding =>
  failure === 'advertised'
    ? finding(
        'kafka.brokers',
        'fail',
        'a broker answers, but sends clients to an address that this host cannot reach',
        {
          advice: hintOf(failure),
        },
      )
    : unreachable(failure === 'other' ? reason : `${failure} (${reason})`, hintOf(failure))

export const kafkaCheck: Check = async ({ config: { kafka } }) => {
  if (kafka === null)
    return [finding('kafka.use', 'ok', 'Kafka is not used: events stay in DATA_DIR (KAFKA_BROKERS=none)')]
  const late = Promise.withResolvers<readonly Finding[]>()
  const timer = setTimeout(() => late.resolve([unreachable(`no answer for ${limitMs / 1_000} s`)]), limitMs)
  const answered = readCluster(kafka).catch((error: unknown) => [
    failureFinding(failureOf(error, kafka.brokers), reasonOf(error)),
  ])
  return Promise.race([answered, late.promise]).finally(() => clearTimeout(timer))
}
