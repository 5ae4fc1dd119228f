import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readLog } from '../../../proxy/event-log/read.ts'
import { connectClient } from '../kit/client/client.ts'
import { readTopic, type SeenEvent, type TopicReader } from '../kit/kafka/topic-reader.ts'
import { type Appliance, startAppliance } from '../kit/processes/harness.ts'
import { fakeDatacenter } from '../kit/servers/fake-datacenter.ts'
import { skipUnless } from '../kit/skip.ts'
import { ensureKafka, type Kafka, startKafka } from '../services/kafka.ts'
import { until } from '../until.ts'

const it = skipUnless(test, ensureKafka() !== null, 'java, mvn or the jars of Kafka are missing')

const call = async ({ port, secret }: Appliance): Promise<void> => {
  await using client = await connectClient({ port, secret, mode: 'secure', dc: 2 })
  assert.is((await client.echo(Buffer.alloc(1_000))).length, 1_000)
}

const relaying =
  (kafka: Kafka, env: Readonly<Record<string, string>> = {}) =>
  async (dc: { readonly address: string }): Promise<Appliance> =>
    startAppliance({
      program: 'proxy/main.ts',
      datacenters: { 2: [dc] },
      env: { KAFKA_BROKERS: kafka.brokers.join(','), KAFKA_PARTITIONS: '3', WORKERS: '1', ...env },
    })

const closes = (events: readonly SeenEvent[]): number =>
  events.filter(({ event }) => event.type === 'connection.closed').length

/** The events of each boot without repeats. Fails when one is missing, out of order, or in another partition. */
const deduped = (topic: TopicReader): SeenEvent[][] => {
  const boots = new Map<string, SeenEvent[]>()
  for (const event of topic.events()) {
    const known = boots.get(event.from) ?? []
    boots.set(event.from, known)
    if (event.seq <= known.length) continue
    assert.is(event.seq, known.length + 1, `${event.from} without a gap`)
    assert.is(event.partition, known[0]?.partition ?? event.partition)
    known.push(event)
  }
  return [...boots.values()]
}

/** Clients connect and close until it is stopped; resolves with their number. None may fail. */
const crowd = (proxy: Appliance, clients: number) => {
  let going = true
  const one = async (): Promise<number> => {
    let served = 0
    for (; going; served++) await call(proxy)
    return served
  }
  const all = Promise.all(Array.from({ length: clients }, one))
  return async (): Promise<number> => {
    going = false
    return (await all).reduce((sum, served) => sum + served, 0)
  }
}

const waiting = (proxy: Appliance): Promise<number> => proxy.metric('mtscope_ship_waiting_rows')

it('a proxy relays while the broker is down, and ships every event, also that of its end, when it is up', async () => {
  await using dc = await fakeDatacenter()
  await using kafka = await startKafka()
  await kafka.kill()
  await using proxy = await relaying(kafka)(dc)
  await call(proxy)
  await until(
    async () => (await proxy.metric('mtscope_kafka_failures_total')) > 0,
    'a produce request has failed',
  )
  assert.is(await proxy.metric('mtscope_kafka_up'), 0)
  assert.ok((await proxy.metric('mtscope_ship_lag_seconds')) > 0)
  assert.ok((await waiting(proxy)) > 0)
  const since = performance.now()
  assert.is(await proxy.stop(), 0)
  // It waits for five seconds; the rest is the end of the process.
  assert.ok(performance.now() - since < 30_000, `${performance.now() - since} ms to stop without a broker`)
  assert.is(proxy.lines.filter((line) => line.includes('unshipped')).length, 1)

  await kafka.start()
  await proxy.start()
  await call(proxy)
  // A broker that has just started may need longer than a stopping proxy waits.
  await until(async () => (await waiting(proxy)) === 0, 'the waiting events are shipped', 60_000)
  assert.is(await proxy.stop(), 0)
  await using topic = readTopic(kafka.brokers)
  const stops = (): number => topic.events().filter(({ event }) => event.type === 'process.stopped').length
  await until(() => stops() === 2, 'both process.stopped events are in the topic')
  const boots = deduped(topic)
  assert.equal(boots.map(closes), [1, 1])
  await using spans = readTopic(kafka.brokers, { topic: 'otlp_spans' })
  await until(() => spans.messages.length > 0, 'spans are in their topic')
})

it('after kill -9 of the broker and of the proxy under load every event is in the topic, and the event log is empty', async () => {
  await using dc = await fakeDatacenter()
  await using kafka = await startKafka()
  await using proxy = await relaying(kafka)(dc)
  await using topic = readTopic(kafka.brokers)
  let served = 0
  for (const kill of [kafka.kill, kafka.kill, () => proxy.stop('SIGKILL')]) {
    const enough = crowd(proxy, 4)
    const before = await proxy.metric('mtscope_connections_accepted_total')
    const more = (count: number): Promise<boolean> =>
      until(
        async () => (await proxy.metric('mtscope_connections_accepted_total')) > before + count,
        `${count} more`,
      )
    await more(50)
    if (kill === kafka.kill) {
      await kafka.kill()
      await more(150)
      await kafka.start()
      served += await enough()
      continue
    }
    served += await enough()
    // Events that are not in the event log yet are lost with the process; it appends within 100 ms.
    await until(
      async () => (await proxy.metric('mtscope_connections_closed_total')) >= served,
      'every event is in the event log',
    )
    await kafka.kill()
    await proxy.stop('SIGKILL')
    await kafka.start()
    await proxy.start()
  }
  const found = (): number => deduped(topic).reduce((sum, boot) => sum + closes(boot), 0)
  await until(() => found() >= served, 'every event is in the topic', 30_000)
  assert.is(found(), served)
  assert.ok(served > 400, `${served} connections`)
  await until(async () => (await waiting(proxy)) === 0, 'nothing waits')
  const data = join(proxy.folder, 'data')
  await until(() => {
    using log = readLog(data)
    return log.page(0).length <= 1
  }, 'the event log is empty')
})

test.run()
