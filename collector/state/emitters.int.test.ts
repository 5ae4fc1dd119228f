import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sampled, session } from '../../compose/test/kit/examples/example-events.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureRedis, startRedis } from '../../compose/test/services/redis.ts'
import type { Batch } from '../../proxy/events/contract.ts'
import { connectRedis, type RedisClient } from '../../proxy/redis/connect.ts'
import { mostEmitters, replaceableMs } from '../fold/emitters.ts'
import { fold, foldKeys } from '../fold/fold.ts'
import { createMemoryState, type State } from '../fold/state.ts'
import { nodesOf } from '../read/nodes.ts'
import { openMirror } from './mirror.ts'
import { takePartition } from './redis-hold.ts'
import { readPartition } from './redis-read.ts'

const it = skipUnless(test, ensureRedis() !== null, 'redis-server is missing')

const start = Date.now() - 3_600_000
const prefix = 'm'

/** One batch of a node: a sample, and a connection that stays open. */
const batch = (node: string, at: number, seq = 1, boot = 'b'): Batch => ({
  node,
  boot,
  seq,
  events: [sampled(at), ...session({ at, toClient: 10 }).slice(0, 2)],
})
const perBatch = batch('', 0).events.length

const refused = (state: State): number => state.count('ever', 0, foldKeys.refused)
const names = (state: State): number =>
  [...state.recent.keys()].filter((key) => key.startsWith('node/')).length

test('200,000 made-up names leave the state small, and no running node loses its place', () => {
  const state = createMemoryState()
  for (let number = 0; number < 20; number++) fold(state, batch(`real-${number}`, start))
  const flood = 200_000
  const events = [sampled(start)]
  for (let number = 0; number < flood; number++)
    fold(state, { node: `made-up-${number}`, boot: 'b', seq: 1, events })
  const at = start + 60_000
  for (let number = 0; number < 20; number++) fold(state, batch(`real-${number}`, at, 1 + perBatch))

  assert.is(state.emitters.size, mostEmitters)
  assert.is(names(state), mostEmitters)
  assert.ok(state.entries() < 30 * mostEmitters, `${state.entries()} entries`)
  assert.is(refused(state), flood - mostEmitters + 20)
  const alive = nodesOf(state, at).filter(({ node }) => node.startsWith('real-'))
  assert.is(alive.length, 20)
  for (const { node } of alive) assert.is(state.emitters.get(`${node}/b`)?.next, 1 + 2 * perBatch)
})

test('made-up names keep out no node that restarts, and a new node only until one of them has been silent', () => {
  const state = createMemoryState()
  fold(state, batch('real', start))
  for (let number = 0; number < 2 * mostEmitters; number++) fold(state, batch(`made-up-${number}`, start))
  const full = refused(state)
  fold(state, batch('real', start + 1_000, 1, 'b2'))
  assert.is(refused(state), full)
  assert.ok(state.emitters.has('real/b2'))
  assert.not(state.emitters.has('real/b'))
  assert.is(state.bucket('boot', 'real/b').size, 0)

  fold(state, batch('new', start + replaceableMs))
  assert.is(refused(state), full + perBatch)
  fold(state, batch('new', start + replaceableMs + 1))
  assert.is(refused(state), full + perBatch)
  assert.ok(state.emitters.has('new/b'))
  assert.is(state.emitters.size, mostEmitters)
  assert.is(names(state), mostEmitters)
})

/** More names than there is room for, over a time in which many become silent. */
const history = (): Batch[] => [
  batch('real', start),
  ...Array.from({ length: mostEmitters + 100 }, (_, number) => batch(`made-up-${number}`, start + number)),
  batch('real', start + 5_000, 1 + perBatch),
  batch('real', start + 6_000, 1, 'b2'),
  ...Array.from({ length: 300 }, (_, number) =>
    batch(`later-${number}`, start + replaceableMs + 150 + number),
  ),
  batch('made-up-3', start + replaceableMs + 1_000),
]

test('the same order of events gives the same bytes', () => {
  const folded = (): string => {
    const state = createMemoryState()
    for (const one of history()) fold(state, one)
    return state.snapshot()
  }
  assert.is(folded(), folded())
})

const connected = async (url: string): Promise<RedisClient & AsyncDisposable> => {
  const redis = connectRedis({ urls: [url], prefix: 'x' }, 'test', () => {})
  await new Promise((resolve) => redis.once('ready', resolve))
  return Object.assign(redis, { [Symbol.asyncDispose]: async () => redis.disconnect() })
}

it('Redis and the mirror hold the same as memory, byte for byte, wherever commits are cut', async () => {
  await using server = await startRedis()
  await using redis = await connected(server.url)
  const memory = createMemoryState()
  for (const one of history()) fold(memory, one)
  const now = start + replaceableMs + 2_000
  memory.expire(now)
  assert.ok(refused(memory) > 0)

  for (const [partition, every] of [5, 100_000].entries()) {
    const mirror = openMirror({ redis, prefix, partitions: () => partition + 1, waiting: () => 0 })
    const hold = await takePartition({ redis, prefix, partition })
    let offset = 0
    for (const one of history()) {
      hold.fold(one)
      offset++
      if (offset % every === 0) await hold.commit(offset, offset)
      // The mirror reads while names come and go.
      if (offset % 500 === 0) await mirror.refresh(now)
    }
    if (hold.offset < offset) assert.is(await hold.commit(offset, offset), 'advanced')
    const read = await readPartition(redis, prefix, partition)
    const state = createMemoryState(read!.aggregates)
    state.expire(now)
    assert.is(state.snapshot(), memory.snapshot(), `commits of ${every}`)
    await mirror.refresh(now)
    if (partition === 0) assert.is(mirror.state.snapshot(), memory.snapshot())
    const boots = (await redis.keys(`${prefix}:{${prefix}.${partition}}:boot:*`)).length
    assert.is(boots, mostEmitters)
  }
})

it('events of the past leave no names of expired buckets in Redis', async () => {
  await using server = await startRedis()
  await using redis = await connected(server.url)
  const hold = await takePartition({ redis, prefix, partition: 0 })
  const long = start - 90 * 86_400_000
  for (let offset = 0; offset < 20; offset++) {
    const events = Array.from({ length: 200 }, (_, i) => sampled(long + (offset * 200 + i) * 10_000))
    hold.fold({ node: 'n', boot: 'b', seq: 1 + offset * 200, events })
    assert.is(await hold.commit(offset + 1, 20), 'advanced')
  }
  const names = await redis.zcard(`${prefix}:{${prefix}.0}:dirty`)
  // Months, totals, samples and emitters.
  assert.ok(names < 10, `${names} names for 4,000 ticks`)
})

test.run()
