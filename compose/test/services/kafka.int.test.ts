import { existsSync } from 'node:fs'
import { Kafka } from 'kafkajs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { skipUnless } from '../kit/skip.ts'
import { ensureKafka, startKafka } from './kafka.ts'
import { accepts } from './service.ts'

const it = skipUnless(test, ensureKafka() !== null, 'java, mvn or the jars of Kafka are missing')

it('a broker has its topics again after kill and start, and leaves nothing behind', async () => {
  const { folder, port } = await (async () => {
    await using broker = await startKafka()
    const admin = new Kafka({ brokers: [...broker.brokers], logLevel: 0 }).admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 3 }] })
    await admin.disconnect()
    await broker.kill()
    assert.not(await accepts(broker.port))
    await broker.start()
    await admin.connect()
    assert.equal(await admin.listTopics(), ['kept'])
    await admin.disconnect()
    return { folder: broker.folder, port: broker.port }
  })()
  assert.not(existsSync(folder))
  assert.not(await accepts(port))
})

test.run()
