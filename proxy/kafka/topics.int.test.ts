import kafkajs, { type Admin } from 'kafkajs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { testConfig } from '../../compose/test/kit/kafka/test-config.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureKafka, startKafka } from '../../compose/test/services/kafka.ts'
import { until } from '../../compose/test/until.ts'
import { openKafka } from './connect.ts'
import { ensureTopics } from './topics.ts'

const it = skipUnless(test, ensureKafka() !== null, 'java, mvn or the jars of Kafka are missing')

const names = ['mtscope.events', 'mtscope.alerts', 'mtscope.dead-letters', 'mtscope_spans']
const watched = [
  'retention.ms',
  'retention.bytes',
  'segment.bytes',
  'cleanup.policy',
  'message.timestamp.type',
]

const settingsOf = async (admin: Admin, name: string): Promise<Record<string, string>> => {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames: watched }],
  })
  return Object.fromEntries(
    resources.flatMap(({ configEntries }) =>
      configEntries.map(({ configName, configValue }) => [configName, configValue]),
    ),
  )
}

it('every topic is bounded in bytes: the events by the setting, the others by an eighth of it', async () => {
  await using broker = await startKafka()
  const client = openKafka(testConfig(broker.brokers), 'test', () => {})
  await ensureTopics(client)
  const admin = client.kafka.admin()
  await admin.connect()
  for (const name of names) {
    const bytes = name === 'mtscope.events' ? 2 ** 30 : 2 ** 27
    await until(
      () =>
        settingsOf(admin, name).then(
          (is) => is['retention.bytes'] === String(bytes) && is['segment.bytes'] === String(bytes / 8),
          () => false,
        ),
      `${name} is bounded`,
    )
  }
  await admin.disconnect()
})

it('an older topic is bounded at the start and keeps its other settings; what an operator set stays', async () => {
  await using broker = await startKafka()
  const lines: string[] = []
  const client = openKafka(testConfig(broker.brokers), 'test', (_level, name) => lines.push(name))
  const admin = client.kafka.admin()
  await admin.connect()
  const entry = (name: string, value: string) => ({ name, value })
  await admin.createTopics({
    waitForLeaders: true,
    topics: [
      {
        topic: 'mtscope.events',
        configEntries: [entry('retention.ms', '123456789'), entry('cleanup.policy', 'compact,delete')],
      },
      { topic: 'mtscope.alerts', configEntries: [entry('retention.bytes', '-1')] },
      {
        topic: 'mtscope.dead-letters',
        configEntries: [entry('retention.bytes', '777'), entry('message.timestamp.type', 'CreateTime')],
      },
    ],
  })
  await until(
    () =>
      settingsOf(admin, names[2]!).then(
        (is) => is['retention.bytes'] === '777',
        () => false,
      ),
    'made',
  )
  await ensureTopics(client)
  await until(
    () =>
      settingsOf(admin, names[0]!).then(
        (is) => is['retention.bytes'] === String(2 ** 30),
        () => false,
      ),
    'the events are bounded',
  )
  const events = await settingsOf(admin, names[0]!)
  assert.is(events['retention.ms'], '123456789')
  assert.is(events['cleanup.policy'], 'compact,delete')
  assert.is(events['segment.bytes'], String(2 ** 27))
  assert.is((await settingsOf(admin, names[1]!))['retention.bytes'], '-1')
  assert.is((await settingsOf(admin, names[2]!))['retention.bytes'], '777')
  for (const name of [names[0]!, names[1]!]) {
    assert.is((await settingsOf(admin, name))['message.timestamp.type'], 'LogAppendTime')
  }
  assert.is((await settingsOf(admin, names[2]!))['message.timestamp.type'], 'CreateTime')
  assert.equal(lines, ['topic-configured', 'topic-configured'])
  await admin.disconnect()
})

test.run()
