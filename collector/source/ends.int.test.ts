import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { testConfig } from '../../compose/test/kit/kafka/test-config.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureKafka, startKafka } from '../../compose/test/services/kafka.ts'
import { until } from '../../compose/test/until.ts'
import { openKafka } from '../../proxy/kafka/connect.ts'
import { openProducer } from '../../proxy/kafka/producer.ts'
import { watchEnds } from './ends.ts'

const it = skipUnless(test, ensureKafka() !== null, 'Kafka is missing')

it('messages that were deleted before a collector folded them do not count as waiting', async () => {
  await using broker = await startKafka()
  const client = openKafka(testConfig(broker.brokers), 'test', () => {})
  const topic = client.config.topics.events
  const producer = openProducer(client, topic)
  await producer.send(
    1,
    Array.from({ length: 10 }, (_, n) => ({ value: String(n) })),
  )
  await producer.close()
  const ends = watchEnds(client)
  await using _ = { [Symbol.asyncDispose]: ends.stop }
  await until(() => ends.waiting(1, 3) === 7, 'seven are waiting')
  assert.is(ends.waiting(0, 0), 0)

  const admin = client.kafka.admin()
  await admin.connect()
  // kafkajs needs the metadata of the topic to find its leader.
  await admin.fetchTopicOffsets(topic)
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 1, offset: '10' }] })
  await admin.disconnect()
  await until(() => ends.waiting(1, 3) === 0, 'none is waiting')
})

test.run()
