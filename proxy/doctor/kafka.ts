import { readFileSync } from 'node:fs'
import { Kafka, logLevel, type SASLOptions } from 'kafkajs'
import type { KafkaConfig } from '../config.ts'
import { type Check, type Finding, finding, reasonOf } from './finding.ts'

const timeoutMs = 3_000

const loginOf = ({ mechanism, username, password }: NonNullable<KafkaConfig['sasl']>): SASLOptions => {
  if (mechanism === 'scram-sha-256') return { mechanism, username, password }
  if (mechanism === 'scram-sha-512') return { mechanism, username, password }
  return { mechanism: 'plain', username, password }
}

const clientOf = ({ brokers, tls, caFile, sasl }: KafkaConfig): Kafka => {
  return new Kafka({
    clientId: 'mtscope-doctor',
    brokers: [...brokers],
    ...(tls ? { ssl: caFile === null ? true : { ca: [readFileSync(caFile, 'utf8')] } } : {}),
    ...(sasl === null ? {} : { sasl: loginOf(sasl) }),
    connectionTimeout: timeoutMs,
    requestTimeout: timeoutMs,
    retry: { retries: 0 },
    logLevel: logLevel.NOTHING,
  })
}

type Topic = {
  readonly name: string
  readonly partitions: number
  readonly replicas: number
  readonly short: number
}

const wantedTopics = ({ topics }: KafkaConfig): readonly string[] =>
  Object.values(topics).filter((name) => name !== null)

const told = (kafka: KafkaConfig, name: string, there: Topic | undefined): Finding => {
  const id = `kafka.topic.${name}` as const
  if (there === undefined) {
    return finding(id, 'note', `topic ${name} is not there yet: the proxy makes it when it starts`)
  }
  const { partitions, replicas, short } = there
  const numbers = { partitions, replicas, short }
  const says = `topic ${name}: ${partitions} partitions, ${replicas} copies`
  if (short > 0) {
    return finding(id, 'warn', `${says}; ${short} partitions lack a copy`, {
      advice: 'look at the brokers: one is away or behind',
      numbers,
    })
  }
  return replicas < kafka.replicas
    ? finding(id, 'warn', `${says}, fewer than KAFKA_REPLICAS=${kafka.replicas}`, {
        advice: 'kafka-reassign-partitions, or make the topic again while it is empty',
        numbers,
      })
    : finding(id, 'ok', says, { numbers })
}

/** Nothing is written and nothing is made: metadata alone. */
export const kafkaCheck: Check = async ({ config }) => {
  const { kafka } = config
  if (kafka === null) return []
  const client = clientOf(kafka).admin()
  try {
    const startedAt = performance.now()
    await client.connect()
    const { brokers } = await client.describeCluster()
    const elapsedMs = Math.round(performance.now() - startedAt)
    const names = new Set(await client.listTopics())
    const topics = wantedTopics(kafka).filter((name) => names.has(name))
    const metadata = topics.length === 0 ? [] : (await client.fetchTopicMetadata({ topics })).topics
    const there = metadata.map(
      ({ name, partitions }): Topic => ({
        name,
        partitions: partitions.length,
        replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
        short: partitions.filter(({ isr, replicas }) => isr.length < replicas.length).length,
      }),
    )
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
      ...wantedTopics(kafka).map((name) =>
        told(
          kafka,
          name,
          there.find((topic) => topic.name === name),
        ),
      ),
    ]
  } catch (error) {
    return [
      finding('kafka.brokers', 'fail', `no broker of KAFKA_BROKERS answers: ${reasonOf(error)}`, {
        advice:
          'look whether Kafka runs, and at KAFKA_BROKERS, KAFKA_TLS and KAFKA_SASL; events wait in DATA_DIR',
      }),
    ]
  } finally {
    await client.disconnect().catch(() => {})
  }
}
