import { type Admin, type ITopicConfig, Kafka, logLevel } from 'kafkajs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exampleAbout, verdictsOf } from '../../../compose/test/kit/examples/doctor-example.ts'
import { testConfig } from '../../../compose/test/kit/kafka/test-config.ts'
import { tcpSite } from '../../../compose/test/kit/servers/site.ts'
import { skipUnless } from '../../../compose/test/kit/skip.ts'
import { ensureKafka, startKafka } from '../../../compose/test/services/kafka.ts'
import { until } from '../../../compose/test/until.ts'
import { openKafka } from '../../kafka/connect.ts'
import { ensureTopics, retentionOf } from '../../kafka/topics.ts'
import { examine } from '../examine.ts'
import type { Finding } from '../finding.ts'
import { kafkaCheck } from './kafka.ts'

const it = skipUnless(test, ensureKafka() !== null, 'Kafka is missing')

const look = (env: Readonly<Record<string, string>>): Promise<readonly Finding[]> =>
  examine({ kafka: kafkaCheck }, exampleAbout(env))

/** kafkajs' own wait for leaders throws while a broker does not know the topic yet. */
const create = async (admin: Admin, topics: ITopicConfig[]): Promise<void> => {
  await admin.createTopics({ topics, waitForLeaders: false })
  const known = (): Promise<boolean> =>
    admin.fetchTopicMetadata({ topics: topics.map(({ topic }) => topic) }).then(
      ({ topics: found }) =>
        found.every(
          ({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0),
        ),
      () => false,
    )
  await until(known, 'each partition has a leader')
}

it('brokers and topics are reported, and nothing is created', async () => {
  await using kafka = await startKafka()
  const env = { KAFKA_BROKERS: kafka.brokers.join(','), KAFKA_SPANS_TOPIC: 'none' }
  const before = {
    'kafka.brokers': 'ok',
    'kafka.topic.mtscope.events': 'note',
    'kafka.topic.mtscope.alerts': 'note',
    'kafka.topic.mtscope.dead-letters': 'note',
    'kafka.topic.mtscope.users': 'note',
  }
  assert.equal(verdictsOf(await look(env)), before)
  assert.equal(verdictsOf(await look(env)), before)

  const admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  const topics = ['events', 'alerts', 'dead-letters', 'users'].map((name) => ({
    topic: `mtscope.${name}`,
    numPartitions: 2,
  }))
  await create(admin, topics)
  await admin.disconnect()
  const found = await look(env)
  assert.is(verdictsOf(found)['kafka.topic.mtscope.events'], 'ok')
  assert.equal(found[1]?.numbers, { partitions: 2, replicas: 1, short: 0 })

  const three = verdictsOf(await look({ ...env, KAFKA_REPLICAS: '3' }))
  assert.equal([three['kafka.brokers'], three['kafka.topic.mtscope.events']], ['warn', 'warn'])
})

it('spans are kept for a day at most, and a topic that keeps them longer is reported', async () => {
  await using kafka = await startKafka()
  const brokers = kafka.brokers.join(',')
  const client = openKafka({ ...testConfig(kafka.brokers), retentionMs: 30 * 86_400_000 }, 'test', () => {})
  await ensureTopics(client)
  const admin = client.kafka.admin()
  await admin.connect()
  for (const [topic, ms] of [
    ['mtscope_spans', 86_400_000],
    ['mtscope.events', 30 * 86_400_000],
  ] as const) {
    // A broker may not know a topic that was created a moment ago.
    await until(
      () =>
        retentionOf(admin, topic).then(
          (kept) => kept === ms,
          () => false,
        ),
      `${topic} is kept for ${ms} ms`,
    )
  }
  const old = { topic: 'old_spans', configEntries: [{ name: 'retention.ms', value: '2592000000' }] }
  await create(admin, [old])
  await admin.disconnect()

  const ours = await look({ KAFKA_BROKERS: brokers, KAFKA_SPANS_TOPIC: 'mtscope_spans' })
  assert.is(verdictsOf(ours)['kafka.spans'], undefined)
  const kept = await look({ KAFKA_BROKERS: brokers, KAFKA_SPANS_TOPIC: 'old_spans' })
  assert.is(verdictsOf(kept)['kafka.spans'], 'note')
  assert.match(kept.find(({ id }) => id === 'kafka.spans')?.advice ?? '', 'retention.ms=86400000')
})

it('a broker that sends clients to an unreachable address is reported as such', async () => {
  await using kafka = await startKafka({ advertisedPort: 1 })
  const [found] = await look({ KAFKA_BROKERS: `127.0.0.1:${kafka.port}` })
  assert.is(found?.verdict, 'fail')
  assert.match(found?.advice ?? '', 'advertised.listeners')
})

test('silent brokers are a failure after a limited time', async () => {
  await using silent = await tcpSite(() => {})
  const [found] = await look({ KAFKA_BROKERS: `127.0.0.1:${silent.port}` })
  assert.equal([found?.id, found?.verdict], ['kafka.brokers', 'fail'])
})

test('without Kafka there is one line, and brokers that do not answer are a failure', async () => {
  assert.equal(verdictsOf(await look({})), { 'kafka.use': 'ok' })
  assert.equal(verdictsOf(await look({ KAFKA_BROKERS: '127.0.0.1:1' })), { 'kafka.brokers': 'fail' })
})

test.run()
