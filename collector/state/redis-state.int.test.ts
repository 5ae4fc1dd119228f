import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { anyProxyEvent } from '../../compose/test/kit/examples/arbitrary-events.ts'
import { probe, sampled, session } from '../../compose/test/kit/examples/example-events.ts'
import { runs } from '../../compose/test/kit/runs.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureRedis, startRedis, startRedisCluster } from '../../compose/test/services/redis.ts'
import type { Batch, ProxyEvent } from '../../proxy/events/contract.ts'
import { connectRedis, type RedisClient } from '../../proxy/redis/connect.ts'
import { partitionKey } from '../../proxy/redis/keys.ts'
import { fold } from '../fold/fold.ts'
import { createMemoryState } from '../fold/state.ts'
import { nodesOf } from '../read/nodes.ts'
import { routesOf } from '../read/routes.ts'
import { openMirror } from './mirror.ts'
import { takePartition } from './redis-hold.ts'
import { readPartition } from './redis-read.ts'

const it = skipUnless(test, ensureRedis() !== null, 'redis-server is missing')

const connected = async (urls: readonly string[]): Promise<RedisClient & AsyncDisposable> => {
  const redis = connectRedis({ urls, prefix: 'x' }, 'test', () => {})
  await new Promise((resolve) => redis.once('ready', resolve))
  return Object.assign(redis, { [Symbol.asyncDispose]: async () => redis.disconnect() })
}

const now = Date.now()
const day = 86_400_000
/** Moves an event to `at`, within the last hour: Redis expires keys by the clock. */
const later = <E extends ProxyEvent>(event: E, at: number): E => ({ ...event, at })

/**
 * Batches of two emitters, in order, with repeats and gaps, some in one commit. None is so old that Redis expires a part of
 * it, after 61 minutes, while the test runs.
 */
const story = fc.array(
  fc.record({
    boot: fc.constantFrom('b1', 'b2'),
    events: fc.array(fc.tuple(anyProxyEvent, fc.integer({ min: 0, max: 3_000_000 })), {
      minLength: 1,
      maxLength: 6,
    }),
    back: fc.integer({ min: -3, max: 2 }),
    commit: fc.boolean(),
    takeOver: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
)

const snapshotOf = async (redis: RedisClient, prefix: string, partition: number): Promise<string> => {
  const read = await readPartition(redis, prefix, partition)
  const state = createMemoryState(read!.aggregates)
  state.expire(now)
  return state.snapshot()
}

it('the state in Redis equals that in memory, byte for byte, however batches are cut, repeated and taken over', async () => {
  await using server = await startRedis()
  await using redis = await connected([server.url])
  let run = 0
  await fc.assert(
    fc.asyncProperty(story, async (steps) => {
      const prefix = `p${run++}`
      const memory = createMemoryState()
      const next: Record<string, number> = { b1: 1, b2: 1 }
      let offset = 0
      let hold = await takePartition({ redis, prefix, partition: 3 })
      const commit = async (): Promise<void> => assert.is(await hold.commit(offset, offset + 5), 'advanced')
      for (const { boot, events, back, commit: now2, takeOver } of steps) {
        const seq = Math.max(1, next[boot]! + back)
        const batch: Batch = {
          node: 'n',
          boot,
          seq,
          events: events.map(([event, ago]) => later(event, now - ago)),
        }
        next[boot] = Math.max(next[boot]!, seq + events.length)
        fold(memory, batch)
        hold.fold(batch)
        offset++
        if (now2 || takeOver) await commit()
        if (takeOver) hold = await takePartition({ redis, prefix, partition: 3 })
        assert.is(hold.offset, now2 || takeOver ? offset : hold.offset)
      }
      await commit()
      memory.expire(now)
      assert.is(await snapshotOf(redis, prefix, 3), memory.snapshot())
    }),
    { numRuns: runs(60) },
  )
})

const batchOf = (boot: string, seq: number, at = now): Batch => ({
  node: 'n',
  boot,
  seq,
  events: session({ at, toClient: 10, toDatacenter: 1 }),
})

it('a collector that lost a partition writes nothing more', async () => {
  await using server = await startRedis()
  await using redis = await connected([server.url])
  const first = await takePartition({ redis, prefix: 'z', partition: 0 })
  first.fold(batchOf('b', 1))
  const second = await takePartition({ redis, prefix: 'z', partition: 0 })
  assert.is(await first.commit(1, 1), 'stale')
  second.fold(batchOf('b', 1))
  assert.is(await second.commit(1, 1), 'advanced')
  assert.is(await first.expire(now), 'stale')
  const { aggregates, meta } = (await readPartition(redis, 'z', 0))!
  assert.is(meta.offset, 1)
  assert.is(aggregates.counts.get('ever')?.get(0)?.get('to-client'), 10)
})

it('a commit whose answer was lost counts once', async () => {
  await using server = await startRedis()
  await using redis = await connected([server.url])
  const hold = await takePartition({ redis, prefix: 'l', partition: 0 })
  assert.is(await hold.commit(1, 1), 'advanced')
  hold.fold(batchOf('b', 1))
  // The script runs, and its answer is lost: the commit is sent again.
  const evalsha = redis.evalsha.bind(redis)
  let lost = 0
  redis.evalsha = (async (...args: Parameters<typeof evalsha>) => {
    const answer = await evalsha(...args)
    if (lost++ === 0) throw new Error('Connection is closed.')
    return answer
  }) as typeof redis.evalsha
  const failed = await hold.commit(2, 2).catch((error: Error) => error.message)
  assert.is(failed, 'Connection is closed.')
  assert.is(await hold.commit(2, 2), 'advanced')
  const { aggregates } = (await readPartition(redis, 'l', 0))!
  assert.is(aggregates.counts.get('ever')?.get(0)?.get('to-client'), 10)
})

it('when Redis was emptied, the next commit is stale, and a new take starts from the offset in Redis', async () => {
  await using server = await startRedis()
  await using redis = await connected([server.url])
  const hold = await takePartition({ redis, prefix: 'e', partition: 0 })
  hold.fold(batchOf('b', 1))
  assert.is(await hold.commit(1, 2), 'advanced')
  await redis.flushall()
  hold.fold(batchOf('b', 5))
  assert.is(await hold.commit(2, 2), 'stale')
  assert.is((await takePartition({ redis, prefix: 'e', partition: 0 })).offset, 0)
})

it('a key of another type stops a commit before it writes anything', async () => {
  await using server = await startRedis()
  await using redis = await connected([server.url])
  const hold = await takePartition({ redis, prefix: 'k', partition: 0 })
  await redis.set('k:{k.0}:ever:0', 'mine')
  hold.fold(batchOf('b', 1))
  const failed = await hold.commit(1, 1).catch((error: Error) => error.message)
  assert.match(String(failed), 'another type')
  assert.is((await redis.keys('*')).length, 2)
  await redis.del('k:{k.0}:ever:0')
  assert.is(await hold.commit(1, 1), 'advanced')
})

it('a sum beyond 64 bits is refused, a time beyond all dates is kept, and the offset moves on', async () => {
  await using server = await startRedis()
  await using redis = await connected([server.url])
  const hold = await takePartition({ redis, prefix: 'h', partition: 0 })
  await redis.hset('h:{h.0}:ever:0', 'to-client', String(2n ** 63n - 1n))
  hold.fold(batchOf('b', 1))
  hold.fold(batchOf('late', 1, 8.64e15))
  assert.is(await hold.commit(1, 1), 'advanced')
  assert.is((await readPartition(redis, 'h', 0))?.meta.refused, 1)
})

it('a mirror equals the sum of all partitions after each change', async () => {
  await using server = await startRedis()
  await using redis = await connected([server.url])
  const memory = createMemoryState()
  const mirror = openMirror({ redis, prefix: 'm', partitions: () => 3, waiting: () => null })
  const holds = await Promise.all(
    [0, 1, 2].map((partition) => takePartition({ redis, prefix: 'm', partition })),
  )
  const same = async (): Promise<void> => {
    await mirror.refresh(now)
    memory.expire(now)
    assert.is(mirror.state.snapshot(), memory.snapshot())
  }
  for (let round = 0; round < 5; round++) {
    for (const [partition, hold] of holds.entries()) {
      const batch = batchOf(`b${partition}`, 1 + round * 4, now - round * 20_000)
      hold.fold(batch)
      fold(memory, batch)
      if ((round + partition) % 2 === 0) continue
      await hold.commit(round + 1, round + 1)
    }
    await Promise.all(holds.map((hold) => hold.commit(round + 1, round + 1)))
    await same()
  }
  assert.is(mirror.metas.get(1)?.offset, 5)
})

it('Redis and memory expire alike', async () => {
  await using server = await startRedis()
  await using redis = await connected([server.url])
  const hold = await takePartition({ redis, prefix: 'o', partition: 0 })
  const memory = createMemoryState()
  for (const batch of [batchOf('old', 1, now - 49 * 3_600_000), batchOf('new', 1)]) {
    hold.fold(batch)
    fold(memory, batch)
  }
  await hold.commit(1, 1)
  assert.is(await hold.expire(now), 'done')
  memory.expire(now)
  const state = createMemoryState((await readPartition(redis, 'o', 0))!.aggregates)
  assert.not(state.emitters.has('n/old'))
  state.expire(now)
  assert.is(state.snapshot(), memory.snapshot())
})

it('a collector whose clock is wrong in either direction expires nothing', async () => {
  await using server = await startRedis()
  await using redis = await connected([server.url])
  const hold = await takePartition({ redis, prefix: 'o', partition: 0 })
  hold.fold(batchOf('b', 1))
  await hold.commit(1, 1)
  const read = async () => createMemoryState((await readPartition(redis, 'o', 0))!.aggregates).snapshot()
  const before = await read()
  for (const off of [400 * day, -400 * day, -now]) assert.is(await hold.expire(now + off), 'done')
  assert.is(await read(), before)
})

it('times from a clock that was ahead are corrected: nothing outlives its retention, and new samples replace them', async () => {
  await using server = await startRedis()
  await using redis = await connected([server.url])
  const before = await takePartition({ redis, prefix: 'o', partition: 0 })
  before.fold({
    node: 'n',
    boot: 'ahead',
    seq: 1,
    events: [probe(now + 400 * day, 40), sampled(now + 400 * day)],
  })
  await before.commit(1, 1)
  const meta = partitionKey('o', 0, 'meta')
  await redis.hset(meta, 'since', '5000')
  const mirror = openMirror({ redis, prefix: 'o', partitions: () => 1, waiting: () => null })
  await mirror.refresh(now)
  const hold = await takePartition({ redis, prefix: 'o', partition: 0 })
  assert.is(await hold.expire(now), 'done')
  assert.is(await redis.hget(meta, 'since'), null)
  for (const key of await redis.keys('*')) assert.ok((await redis.pttl(key)) < 49 * 3_600_000, key)
  const later = now + 70_000
  hold.fold({
    node: 'n',
    boot: 'right',
    seq: 1,
    events: [probe(later, 'timeout'), sampled(later, { openFds: 777 })],
  })
  await hold.commit(2, 2)
  await mirror.refresh(now)
  const [node] = nodesOf(mirror.state, later)
  assert.equal([node?.boot, node?.sample?.openFds], ['right', 777])
  const [route] = routesOf(mirror.state)
  assert.is(route?.error, 'timeout')
  assert.ok((route?.workedAt ?? 0) < later)
})

it('a Redis Cluster holds partitions on several nodes', async () => {
  await using cluster = await startRedisCluster()
  await using redis = await connected(cluster.urls)
  const memory = createMemoryState()
  for (let partition = 0; partition < 6; partition++) {
    const hold = await takePartition({ redis, prefix: 'c', partition })
    hold.fold(batchOf(`b${partition}`, 1))
    fold(memory, batchOf(`b${partition}`, 1))
    assert.is(await hold.commit(1, 1), 'advanced')
  }
  const mirror = openMirror({ redis, prefix: 'c', partitions: () => 6, waiting: () => null })
  await mirror.refresh(now)
  assert.is(mirror.state.count('ever', 0, 'to-client'), memory.count('ever', 0, 'to-client'))
})

test.run()
