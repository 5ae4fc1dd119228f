import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Redis } from 'ioredis'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openKafka } from '../../../proxy/kafka/connect.ts'
import { openProducer } from '../../../proxy/kafka/producer.ts'
import { connectClient } from '../kit/client/client.ts'
import { testConfig } from '../kit/kafka/test-config.ts'
import { readTopic } from '../kit/kafka/topic-reader.ts'
import { type Fleet, startFleet } from '../kit/processes/fleet.ts'
import type { Appliance } from '../kit/processes/harness.ts'
import { skipUnless } from '../kit/skip.ts'
import { ensureKafka } from '../services/kafka.ts'
import { ensureRedis } from '../services/redis.ts'
import { until } from '../until.ts'

const there = ensureKafka() !== null && ensureRedis() !== null
const it = skipUnless(test, there, 'Kafka or Redis is missing')
const root = join(import.meta.dirname, '../../..')

const run = async (fleet: Fleet, program: string, ...args: string[]) => {
  const env = {
    PATH: process.env.PATH,
    KAFKA_BROKERS: fleet.kafka.brokers.join(','),
    REDIS_URL: fleet.redis.url,
    KAFKA_PARTITIONS: '4',
  }
  const child = spawn(process.execPath, [join(root, program), ...args], { env, cwd: fleet.kafka.folder })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { out, err, code }
}

const calls = async (proxies: readonly Appliance[], times: number): Promise<void> => {
  for (let i = 0; i < times; i++) {
    await Promise.all(
      proxies.map(async ({ port, secret }) => {
        await using client = await connectClient({ port, secret, mode: i % 2 ? 'tls' : 'secure', dc: 2 })
        await client.echo(randomBytes(1_000 * (i + 1)))
      }),
    )
  }
}

it('rebuild folds the state in Redis again from Kafka, byte for byte, and events of yesterday can be queried', async () => {
  await using fleet = await startFleet({ proxies: 2, collectors: 1 })
  const [collector] = fleet.collectors as [Appliance]
  await calls(fleet.proxies, 6)
  const producer = openProducer(
    openKafka(testConfig(fleet.kafka.brokers, 'mtscope', 4), 'test', () => {}),
    'mtscope.events',
  )
  await producer.send(1, [
    { value: 'no JSON' },
    { value: '{"node":"n","boot":"b","seq":1,"events":[{"type":"new","v":9}]}' },
  ])
  await producer.close()
  await until(
    async () => {
      const { totals, open } = await collector.status()
      const dead = await collector.metric('mtscope_collector_dead_letters_total')
      return totals.connections === 12 && open.total === 0 && dead === 2
    },
    'every event is folded',
    30_000,
  )
  {
    await using dead = readTopic(fleet.kafka.brokers, { topic: 'mtscope.dead-letters', partitions: 1 })
    // A letter may come twice: it is sent before the offset moves.
    const letters = (): string[] => [...new Set(dead.messages.map(({ value }) => String(value)))]
    await until(() => letters().length === 2, 'both are dead letters')
    assert.is(letters()[0], 'no JSON')
  }

  const verified = await run(fleet, 'collector/commands/rebuild.ts', '--verify')
  assert.is(verified.code, 0, verified.out + verified.err)
  assert.is(verified.out.match(/equal to Redis, byte for byte/g)?.length, 4)
  // Not earlier: for a second a collector may show a connection as ended that is not in the totals yet.
  const { totals } = await collector.status()

  const refused = await run(fleet, 'collector/commands/rebuild.ts')
  assert.is(refused.code, 2)
  assert.match(refused.err, '--replace')

  // While the collector runs: it is fenced off and takes part.
  const again = await run(fleet, 'collector/commands/rebuild.ts', '--replace')
  assert.is(again.code, 0, again.out + again.err)
  assert.match(again.err, /folding into Redis: .*\(100 %\)/)
  await until(
    async () => {
      const now = await collector.status()
      return JSON.stringify(now.totals) === JSON.stringify(totals)
    },
    'the collector has the same totals again',
    90_000,
  ).catch(async (error: unknown) => {
    const now = await collector.status()
    throw new Error(`${error}: ${JSON.stringify(now.totals)}, before ${JSON.stringify(totals)}`)
  })
  // Each partition was emptied and is complete again.
  await until(
    async () =>
      (await collector.metric('mtscope_collector_state_replaced_total')) >= 4 &&
      (await collector.metric('mtscope_collector_folded_ratio')) === 1,
    'four states were replaced and contain every message',
  )

  // --verify finds a wrong number.
  const redis = new Redis(fleet.redis.url)
  for (const key of await redis.keys('mtscope:*:ever:0')) await redis.hincrby(key, 'to-client', 1)
  const wrong = await run(fleet, 'collector/commands/rebuild.ts', '--verify')
  assert.is(wrong.code, 1)
  assert.match(wrong.out, /NOT equal to Redis: .*to-client/)

  // Redis is empty: the collector notices it and folds from the beginning.
  await redis.flushall()
  redis.disconnect()
  await until(
    async () => JSON.stringify((await collector.status()).totals) === JSON.stringify(totals),
    'every total is back',
    30_000,
  )

  const lines = await run(
    fleet,
    'collector/commands/events.ts',
    '--from',
    '1h',
    '--type',
    'connection.closed',
    '--node',
    'proxy-1',
  )
  assert.is(lines.out.trim().split('\n').length, 6)
  assert.match(lines.out, / proxy-1 connection\.closed connection=[0-9a-f]{32} .* reason=done/)
  const json = await run(
    fleet,
    'collector/commands/events.ts',
    '--from',
    '1h',
    '--json',
    '--type',
    'handshake.accepted',
  )
  assert.is(
    json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)).length,
    12,
  )
})

test.run()
