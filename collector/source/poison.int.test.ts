import { promisify } from 'node:util'
import { gzip, zstdCompress } from 'node:zlib'
import { CompressionTypes } from 'kafkajs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { session } from '../../compose/test/kit/examples/example-events.ts'
import { collecting, events } from '../../compose/test/kit/processes/collecting.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureKafka } from '../../compose/test/services/kafka.ts'
import { ensureRedis } from '../../compose/test/services/redis.ts'
import { until } from '../../compose/test/until.ts'
import type { KafkaClient } from '../../proxy/kafka/connect.ts'
import { openConsumer } from '../../proxy/kafka/consumer.ts'
import { processKeys } from '../fold/projections/processes.ts'
import { readPartition } from '../state/redis-read.ts'

const it = skipUnless(test, ensureKafka() !== null && ensureRedis() !== null, 'Kafka or Redis is missing')
/** Reads dead letters until there are `count`. */
const readDeadLetters = async (client: KafkaClient, count: number) => {
  const found: Record<string, string>[] = []
  const done = Promise.withResolvers<void>()
  const consumer = openConsumer(
    client,
    { topic: 'mtscope.dead-letters', group: `read-${Math.random()}` },
    {
      assigned: () => {},
      batch: async (_, messages) => {
        for (const { key, value } of messages) found.push({ key: String(key), value: String(value) })
        if (found.length >= count) done.resolve()
      },
    },
  )
  await done.promise
  await consumer.stop()
  return found
}

it('batches of every codec are read, and one that decompresses beyond the bound is skipped by its offsets', async () => {
  await using at = await collecting(5)
  at.follow()
  const admin = at.client.kafka.admin()
  await admin.connect()
  const bomb = Buffer.alloc(20 * 2 ** 20, 'x')
  // The broker compresses again with the codec of the topic, using the libraries of the official clients.
  for (const [partition, codec] of ['gzip', 'snappy', 'lz4', 'zstd', 'uncompressed'].entries()) {
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        { type: 2, name: 'mtscope.events', configEntries: [{ name: 'compression.type', value: codec }] },
      ],
    })
    await at.sendSession(partition)
    if (codec !== 'uncompressed') await at.send(partition, bomb, CompressionTypes.GZIP)
    await at.sendSession(partition)
  }
  await admin.disconnect()
  for (const partition of [0, 1, 2, 3, 4]) {
    await until(
      async () => (await at.counted(partition, processKeys.events)) === 2 * events,
      `the events around the bomb of partition ${partition} are folded`,
    )
    assert.is(await at.counted(partition, 'dead-letters/batch'), partition === 4 ? 0 : 1)
  }
  assert.is((await readDeadLetters(at.client, 4)).length, 4)
})

it('no message can stop the next one', async () => {
  await using at = await collecting(1)
  at.follow()
  const text = (events: object[]): string => JSON.stringify({ node: 'p', boot: 'p', seq: 1, events })
  const opened = (more: object): object => ({ ...session({ at: Date.now(), toClient: 1 })[0], ...more })
  const poison = [
    '',
    '0',
    '[]',
    '{',
    '\u0000',
    '['.repeat(900_000),
    `{"a":${'['.repeat(400_000)}`,
    text([]),
    text([{}, null as unknown as object, opened({ at: 8.64e15 }), opened({ at: -1 }), opened({ at: 1e300 })]),
    text([opened({ at: 8.64e15, prefix: '\ud800\u0000' })]),
    text(Array.from({ length: 3_000 }, (_, n) => opened({ at: Date.now() - n * 10_000 }))),
    JSON.stringify({ node: '\ud800\u0000}{', boot: '__proto__', seq: 2 ** 53 - 1, events: [opened({})] }),
    JSON.stringify({ node: 'x'.repeat(100_000), boot: '', seq: 1, events: [opened({})] }),
    'x'.repeat(1_000_000),
  ]
  for (const value of poison) {
    await at.send(0, value)
    await at.send(0, value, CompressionTypes.ZSTD)
    await at.sendSession(0)
  }
  await at.send(0, await promisify(zstdCompress)(Buffer.alloc(70e6)))
  await at.send(0, await promisify(gzip)(Buffer.alloc(700e6)))
  await at.send(0, Buffer.alloc(70e6), CompressionTypes.ZSTD)
  await at.sendSession(0)
  await until(
    async () => {
      const read = await readPartition(at.redis, 'mtscope', 0)
      return read?.meta.offset === 3 * poison.length + 4 ? read : null
    },
    'all of them are passed',
    120_000,
  )
  const standing = (await readPartition(at.redis, 'mtscope', 0))?.aggregates.emitters.get('n/b0')
  assert.is(standing?.next, (poison.length + 1) * events + 1)
})

test.run()
