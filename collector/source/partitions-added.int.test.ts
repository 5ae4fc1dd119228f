import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { collecting } from '../../compose/test/kit/processes/collecting.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureKafka } from '../../compose/test/services/kafka.ts'
import { ensureRedis } from '../../compose/test/services/redis.ts'
import { until } from '../../compose/test/until.ts'
import { openProducer } from '../../proxy/kafka/producer.ts'

const it = skipUnless(test, ensureKafka() !== null && ensureRedis() !== null, 'Kafka or Redis is missing')

it('partitions that are added to the topic are used by running producers, shared by running collectors, and each event counts once', async () => {
  await using at = await collecting(2)
  const producer = openProducer(at.client, 'mtscope.events')
  const send = (partition: number): Promise<void> =>
    at.sendSession(partition, (to, value) => producer.send(to, [{ value }]))
  const collectors = [at.follow(), at.follow()]
  const held = (): number => collectors.reduce((sum, { held }) => sum + held, 0)
  await until(() => held() === 2, 'each partition has an owner', 120_000)
  for (const partition of [0, 1]) await send(partition)
  const admin = at.client.kafka.admin()
  await admin.connect()
  await admin.createPartitions({ topicPartitions: [{ topic: 'mtscope.events', count: 5 }] })
  await admin.disconnect()
  await until(() => held() === 5, 'each new partition has an owner', 120_000)
  for (const partition of [0, 1, 2, 3, 4]) await send(partition)
  const counts = () => Promise.all([0, 1, 2, 3, 4].map((partition) => at.counted(partition, 'sessions')))
  await until(async () => (await counts()).every((count) => count > 0), 'all partitions are folded', 120_000)
  await until(
    async () => (await counts()).reduce((sum, count) => sum + count) === 7,
    'all are folded',
    120_000,
  )
  assert.equal(await counts(), [2, 2, 1, 1, 1])
  await producer.close()
  assert.ok(collectors.every(({ held }) => held > 0))
})

test.run()
