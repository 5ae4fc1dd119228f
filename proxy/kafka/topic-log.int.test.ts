import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { recreateTopic } from '../../compose/test/kit/kafka/recreate-topic.ts'
import { testConfig } from '../../compose/test/kit/kafka/test-config.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureKafka, startKafka } from '../../compose/test/services/kafka.ts'
import { until } from '../../compose/test/until.ts'
import { openKafka } from './connect.ts'
import { openTopicLog } from './topic-log.ts'
import { ensureTopics } from './topics.ts'

const it = skipUnless(test, ensureKafka() !== null, 'Kafka is missing')

it('a topic that is created again has another id, in the same cluster', async () => {
  await using broker = await startKafka()
  const client = openKafka(testConfig(broker.brokers), 'test', () => {})
  await ensureTopics(client)
  const log = openTopicLog(client, 'mtscope.events')
  const before = await log.id()
  assert.match(before.topic, /^[0-9a-f]{32}$/)
  assert.ok(before.cluster !== '')
  assert.equal(await log.id(), before)
  // A partition may have no leader for a moment.
  const isEmpty = (): Promise<boolean> =>
    log.endOf(0).then(
      (end) => end === 0,
      () => false,
    )
  await until(isEmpty, 'it ends where it begins')
  await recreateTopic(client)
  const after = await until(
    () =>
      log.id().then(
        (id) => (id.topic === before.topic ? null : id),
        () => null,
      ),
    'it has another id',
  )
  assert.is(after.cluster, before.cluster)
  await log.stop()
})

test.run()
