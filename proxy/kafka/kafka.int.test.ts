import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startThief } from '../../compose/test/kit/kafka/acknowledgement-thief.ts'
import { testConfig } from '../../compose/test/kit/kafka/test-config.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureKafka, startKafka } from '../../compose/test/services/kafka.ts'
import { until } from '../../compose/test/until.ts'
import { openKafka } from './connect.ts'
import { type Incoming, openConsumer } from './consumer.ts'
import { openProducer, ProducerClosed } from './producer.ts'

const it = skipUnless(test, ensureKafka() !== null, 'java, mvn or the jars of Kafka are missing')
const silent = (): void => {}

/** Reads partition 0 of a topic until it has `count` messages and no more arrive. */
const readAll = async (brokers: readonly string[], prefix: string, count: number): Promise<Incoming[]> => {
  const got: Incoming[] = []
  const done = Promise.withResolvers<void>()
  const consumer = openConsumer(
    openKafka(testConfig(brokers, prefix), 'reader', silent),
    { topic: `${prefix}.events`, group: `read-${Math.random()}` },
    {
      assigned: () => {},
      batch: async (turn, messages) => {
        got.push(...messages)
        if (got.length >= count && messages.at(-1)!.offset + 1 === turn.end) done.resolve()
      },
    },
  )
  await done.promise
  await consumer.stop()
  return got
}

it('an idle process takes almost no CPU', async () => {
  await using broker = await startKafka()
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '../../compose/test/kit/kafka/idle.ts'), broker.brokers[0]!],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const [text] = await once(child.stdout, 'data')
  // Unpatched kafkajs takes 110 ms of two seconds, or more.
  assert.ok(Number(String(text)) < 60, `${text} ms of CPU in two seconds`)
})

it('stolen acknowledgements neither lose nor double a message', async () => {
  let port = 0
  await using thief = await startThief(() => port, 7)
  await using broker = await startKafka({ advertisedPort: thief.port })
  port = broker.port
  const producer = openProducer(openKafka(testConfig(broker.brokers), 'test', silent), 'mtscope.events')
  const sends: Promise<void>[] = []
  for (let i = 0; i < 100; i++) {
    const messages = Array.from({ length: 100 }, (_, n) => ({ value: String(i * 100 + n) }))
    sends.push(producer.send(0, messages))
  }
  await Promise.all(sends)
  assert.ok(thief.stolen >= 10, `${thief.stolen} stolen`)
  const got = await readAll(broker.brokers, 'mtscope', 10_000)
  assert.equal(
    got.map(({ value }) => Number(value)),
    Array.from({ length: 10_000 }, (_, n) => n),
  )
  await producer.close()
})

it('a connection that swallows everything is replaced, and the batch arrives once', async () => {
  let port = 0
  await using thief = await startThief(() => port, Number.POSITIVE_INFINITY)
  await using broker = await startKafka({ advertisedPort: thief.port })
  port = broker.port
  const client = openKafka(testConfig(broker.brokers), 'test', silent, 1_000)
  const producer = openProducer(client, 'mtscope.events')
  await producer.send(0, [{ value: '0' }])
  thief.swallow()
  await producer.send(0, [{ value: '1' }])
  assert.ok((producer.failures.get('timeout') ?? 0) > 0)
  await producer.close()
  const got = await readAll(broker.brokers, 'mtscope', 2)
  assert.equal(
    got.map(({ value }) => String(value)),
    ['0', '1'],
  )
})

it('an open transaction of another producer does not hold messages back', async () => {
  await using broker = await startKafka()
  const client = openKafka(testConfig(broker.brokers), 'test', silent)
  const producer = openProducer(client, 'mtscope.events')
  await producer.send(0, [{ value: 'before' }])
  const other = client.kafka.producer({ transactionalId: 'other', idempotent: true, maxInFlightRequests: 1 })
  await other.connect()
  const transaction = await other.transaction()
  await transaction.send({ topic: 'mtscope.events', messages: [{ partition: 0, value: 'never ended' }] })
  await producer.send(0, [{ value: 'after' }])
  const got = await readAll(broker.brokers, 'mtscope', 3)
  assert.equal(
    got.map(({ value }) => String(value)),
    ['before', 'never ended', 'after'],
  )
  await other.disconnect()
  await producer.close()
})

it('a deleted topic is created again', async () => {
  await using broker = await startKafka()
  const client = openKafka(testConfig(broker.brokers), 'test', silent)
  const producer = openProducer(client, 'mtscope.events')
  await producer.send(0, [{ value: 'gone' }])
  const admin = client.kafka.admin()
  await admin.deleteTopics({ topics: ['mtscope.events'] })
  // The controller has deleted it; the broker may accept a batch for the old topic a moment longer.
  await until(async () => !(await admin.listTopics()).includes('mtscope.events'), 'it is gone')
  await admin.disconnect()
  await producer.send(0, [{ value: 'there' }])
  await producer.close()
  const got = await readAll(broker.brokers, 'mtscope', 1)
  assert.equal(
    got.map(({ value }) => String(value)),
    ['there'],
  )
})

it('a killed broker has every message once when it is back, and requests to a frozen one time out', async () => {
  await using broker = await startKafka()
  const reported: string[] = []
  const producer = openProducer(
    openKafka(testConfig(broker.brokers), 'test', (_, what) => reported.push(what)),
    'mtscope.events',
  )
  await producer.send(0, [{ value: '0' }])
  await broker.kill()
  const sending = [producer.send(0, [{ value: '1' }]), producer.send(0, [{ value: '2' }])]
  await broker.start()
  await Promise.all(sending)
  broker.freeze()
  const late = producer.send(0, [{ value: '3' }])
  const closed = openProducer(openKafka(testConfig(broker.brokers), 'other', silent), 'mtscope.events')
  const refused = closed.send(0, [{ value: 'never' }]).catch((error: unknown) => error)
  const since = performance.now()
  await closed.close()
  // A request without an answer ends after eight seconds.
  assert.ok(performance.now() - since < 5_000, 'close does not wait')
  assert.instance(await refused, ProducerClosed)
  broker.thaw()
  await late
  await producer.close()
  const got = await readAll(broker.brokers, 'mtscope', 4)
  assert.equal(
    got.map(({ value }) => String(value)),
    ['0', '1', '2', '3'],
  )
  assert.equal(reported.slice(0, 2), ['kafka-lost', 'kafka-back'])
})

it('a producer is replaced before its sequence numbers run out', async () => {
  await using broker = await startKafka()
  const producer = openProducer(openKafka(testConfig(broker.brokers), 'test', silent), 'mtscope.events', {
    limit: 5,
  })
  for (let i = 0; i < 12; i += 3) {
    await producer.send(
      0,
      [0, 1, 2].map((n) => ({ value: String(i + n) })),
    )
  }
  assert.is(await producer.partitions(), 3)
  await producer.close()
  const got = await readAll(broker.brokers, 'mtscope', 12)
  assert.equal(
    got.map(({ value }) => Number(value)),
    Array.from({ length: 12 }, (_, n) => n),
  )
})

it('a consumer reads from a returned broker after our session time-out, not after the 30 s of kafkajs', async () => {
  await using broker = await startKafka()
  const client = openKafka(testConfig(broker.brokers), 'test', silent)
  const producer = openProducer(client, 'mtscope.events')
  await producer.send(0, [{ value: 'first' }])
  const seen = new Map<string, () => void>()
  const wait = (value: string): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    seen.set(value, resolve)
    return promise
  }
  const first = wait('first')
  const consumer = openConsumer(
    client,
    { topic: 'mtscope.events', group: 'g' },
    {
      assigned: () => {},
      batch: async (_, messages) => {
        for (const { value } of messages) seen.get(String(value))?.()
      },
    },
  )
  await first
  await broker.kill()
  await broker.start()
  const since = performance.now()
  const second = wait('second')
  await producer.send(0, [{ value: 'second' }])
  await second
  // The group accepts no member until the one from before the kill has been silent for six seconds.
  assert.ok(performance.now() - since < 20_000, `${performance.now() - since} ms`)
  await consumer.stop()
  await producer.close()
})

test.run()
