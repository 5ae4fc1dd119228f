import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { append, folder, open } from '../../compose/test/kit/examples/scratch-log.ts'
import { testConfig } from '../../compose/test/kit/kafka/test-config.ts'
import { readTopic, type TopicReader } from '../../compose/test/kit/kafka/topic-reader.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureKafka, startKafka } from '../../compose/test/services/kafka.ts'
import { until } from '../../compose/test/until.ts'
import type { KafkaConfig } from '../config/config.ts'
import { openKafka } from '../kafka/connect.ts'
import { partitionOf } from '../kafka/partition.ts'
import { openProducer } from '../kafka/producer.ts'
import type { LocalLog } from './event-log.ts'
import { type Shipper, startShipper } from './ship.ts'

const it = skipUnless(test, ensureKafka() !== null, 'java, mvn or the jars of Kafka are missing')
const silent = (): void => {}

type Shipping = Shipper & { readonly printed: readonly string[] } & AsyncDisposable

const shipping = (log: LocalLog, config: KafkaConfig): Shipping => {
  const printed: string[] = []
  const producer = openProducer(openKafka(config, 'test', silent), config.topics.events)
  const shipper = startShipper(log, producer, (_, what) => printed.push(what))
  const stop = async (patienceMs: number): Promise<boolean> => {
    const whole = await shipper.stop(patienceMs)
    await producer.close()
    return whole
  }
  return {
    get shipped() {
      return shipper.shipped
    },
    printed,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop(0)),
  }
}

const reasons = (topic: TopicReader): string[] =>
  topic.events().map(({ event }) => (event.type === 'process.stopped' ? event.reason : event.type))

const letters = (count: number, name: string): string[] =>
  Array.from({ length: count }, (_, n) => `${name} ${n}`)

it('the log arrives in order, under one key in one partition, and is then empty', async () => {
  using dir = folder()
  await using broker = await startKafka()
  const config = testConfig(broker.brokers)
  {
    using log = open(dir.path, { maxAgeMs: 0 })
    for (let n = 0; n < 2_000; n++) append(log, [`past ${n}`])
    await using shipper = shipping(log, config)
    await using topic = readTopic(broker.brokers)
    append(log, ['now'])
    await until(() => topic.messages.length >= 2_001, 'all is in the topic')
    assert.equal(reasons(topic), [...letters(2_000, 'past'), 'now'])
    assert.equal(
      topic.events().map(({ seq }) => seq),
      Array.from({ length: 2_001 }, (_, n) => n + 1),
    )
    const key = `n1/${log.boot}`
    const partition = partitionOf(key, 3)
    assert.ok(topic.messages.every((message) => message.key === key && message.partition === partition))

    await until(() => shipper.shipped.waitingRows === 0 && shipper.shipped.oldestAt === null, 'nothing waits')
    assert.is(shipper.shipped.events, 2_001)
    log.trim(2_000)
    assert.is(log.stats.rows, 1, 'the newest row stays, so that no number is given twice')
    append(log, ['the end'])
    assert.ok(await shipper.stop(5_000), 'what is left is shipped at the end')
  }
  // The next process continues where this one stopped.
  using log = open(dir.path, { maxAgeMs: 0 })
  append(log, ['next boot'])
  await using shipper = shipping(log, config)
  await using topic = readTopic(broker.brokers)
  await until(() => topic.messages.length >= 2_003, 'the next boot is there')
  const ofBoot = topic.events().filter(({ from }) => from === `n1/${log.boot}`)
  assert.equal(
    ofBoot.map(({ seq }) => seq),
    [1],
  )
  await until(() => shipper.shipped.events > 0, 'it is acknowledged')
  assert.is(shipper.shipped.events, 1, 'nothing came twice')
})

it('a boot stays in its partition though the topic grows; the next boot may use them all', async () => {
  using dir = folder()
  await using broker = await startKafka()
  const config = testConfig(broker.brokers, 'mtscope', 1)
  let boot = ''
  {
    using log = open(dir.path)
    boot = log.boot
    append(log, ['before'])
    await using shipper = shipping(log, config)
    await until(() => shipper.shipped.events === 1, 'the first is shipped')
    await shipper.stop(5_000)
    append(log, ['not shipped yet'])
  }
  // So many partitions that the hash of this boot leads to another one.
  const count = [64, 63, 62, 61].find((many) => partitionOf(`n1/${boot}`, many) !== 0) ?? 64
  const { kafka } = openKafka(config, 'test', silent)
  const admin = kafka.admin()
  await admin.createPartitions({ topicPartitions: [{ topic: 'mtscope.events', count }] })
  await until(async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: ['mtscope.events'] })
    return topics[0]?.partitions.length === count
  }, 'the broker has them')
  await admin.disconnect()
  using log = open(dir.path)
  await using shipper = shipping(log, config)
  await using topic = readTopic(broker.brokers)
  await until(() => topic.messages.length >= 2, 'both are there')
  assert.equal(
    topic.messages.map(({ partition }) => partition),
    [0, 0],
  )
  append(log, ['next'])
  await until(() => topic.messages.length >= 3, 'the next boot is there')
  const next = topic.messages.find(({ key }) => key === `n1/${log.boot}`)
  assert.is(next?.partition, partitionOf(`n1/${log.boot}`, count))
  assert.equal(shipper.printed, [])
})

it('a row that is too large goes in parts, and one event that no broker accepts does not stop the others', async () => {
  using dir = folder()
  await using broker = await startKafka({ properties: { 'message.max.bytes': 50_000 } })
  const config = { ...testConfig(broker.brokers), compression: 'none' } as const
  using log = open(dir.path)
  for (let n = 0; n < 20; n++) append(log, [`small ${n}`.padEnd(10_000)])
  append(log, Array<string>(300).fill('a row of three megabytes'.padEnd(10_000)))
  append(log, ['huge'.padEnd(60_000), 'next to the huge'])
  append(log, ['last'])
  await using shipper = shipping(log, config)
  await using topic = readTopic(broker.brokers)
  await until(() => reasons(topic).includes('last'), 'the last is there')
  assert.equal(
    topic.events().map(({ seq }) => seq),
    Array.from({ length: 20 + 300 + 2 + 1 }, (_, n) => n + 1),
  )
  assert.equal(reasons(topic).slice(319), [
    'a row of three megabytes'.padEnd(10_000),
    'events.lost',
    'next to the huge',
    'last',
  ])
  assert.equal(shipper.printed, ['event-too-large'])
})

it('while the broker is away rows wait, the oldest is reported, and stop waits no longer than its limit', async () => {
  using dir = folder()
  await using broker = await startKafka()
  const config = testConfig(broker.brokers)
  await broker.kill()
  {
    using log = open(dir.path)
    append(log, ['a'])
    append(log, ['b'])
    await using shipper = shipping(log, config)
    await until(() => shipper.shipped.oldestAt === 1_000, 'the shipper tries')
    assert.is(shipper.shipped.waitingRows, 2)
    const since = performance.now()
    assert.not(await shipper.stop(300))
    assert.ok(performance.now() - since < 5_000, `${performance.now() - since} ms`)
  }
  await broker.start()
  using log = open(dir.path)
  await using shipper = shipping(log, config)
  await using topic = readTopic(broker.brokers)
  await until(() => topic.messages.length === 2, 'the next process ships them')
  assert.equal(reasons(topic), ['a', 'b'])
  assert.equal(shipper.printed, [])
})

test.run()
