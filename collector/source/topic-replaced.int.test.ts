import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { recreateTopic } from '../../compose/test/kit/kafka/recreate-topic.ts'
import { collecting } from '../../compose/test/kit/processes/collecting.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureKafka } from '../../compose/test/services/kafka.ts'
import { ensureRedis } from '../../compose/test/services/redis.ts'
import { until } from '../../compose/test/until.ts'
import { openMirror } from '../state/mirror.ts'
import { readPartition } from '../state/redis-read.ts'

const it = skipUnless(test, ensureKafka() !== null && ensureRedis() !== null, 'Kafka or Redis is missing')

type Collecting = Awaited<ReturnType<typeof collecting>>

const sendSessions = async (at: Collecting, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await at.sendSession(0)
}
const folded = (at: Collecting, sessions: number): Promise<boolean> =>
  until(
    async () => (await at.counted(0, 'sessions')) === sessions,
    `${sessions} sessions are folded`,
    120_000,
  )

/** Checks the state after ten connections in one topic and eight in the next. */
const checkReplaced = async (at: Collecting, lines: readonly string[]): Promise<void> => {
  await folded(at, 18)
  assert.is(await at.counted(0, 'topic-replaced/topic'), 1)
  assert.is(lines.filter((line) => line === 'topic-replaced').length, 1)
  const meta = (await readPartition(at.redis, 'mtscope', 0))!.meta
  assert.equal([meta.origin, meta.offset], [1, 8])
}

it('a topic that is recreated while no collector runs is folded from its beginning', async () => {
  const lines: string[] = []
  await using at = await collecting(1, (_, line) => lines.push(line))
  const before = at.follow()
  await sendSessions(at, 10)
  await folded(at, 10)
  const mirror = openMirror({ redis: at.redis, prefix: 'mtscope', partitions: () => 1, waiting: () => null })
  await mirror.refresh(Date.now())
  await before.stop()
  await recreateTopic(at.client)
  await sendSessions(at, 8)
  at.follow()
  await checkReplaced(at, lines)
  // Counters continue, although the offset is smaller.
  await mirror.refresh(Date.now())
  assert.equal([mirror.state.count('ever', 0, 'sessions'), mirror.replaced], [18, 0])
})

it('so is one that is recreated under a running collector, and one that is longer than the old one', async () => {
  const lines: string[] = []
  await using at = await collecting(1, (_, line) => lines.push(line))
  const following = at.follow()
  await sendSessions(at, 10)
  await folded(at, 10)
  await recreateTopic(at.client)
  await sendSessions(at, 8)
  await checkReplaced(at, lines)
  await following.stop()
  await recreateTopic(at.client)
  await sendSessions(at, 12)
  at.follow()
  await folded(at, 30)
})

it('a state of an older collector, without ids and beyond the end of the topic, is folded from the beginning', async () => {
  const lines: string[] = []
  await using at = await collecting(1, (_, line) => lines.push(line))
  const before = at.follow()
  await sendSessions(at, 10)
  await folded(at, 10)
  await before.stop()
  await at.redis.hdel('mtscope:{mtscope.0}:meta', 'cluster', 'topic')
  await recreateTopic(at.client)
  await sendSessions(at, 8)
  at.follow()
  await checkReplaced(at, lines)
})

test.run()
