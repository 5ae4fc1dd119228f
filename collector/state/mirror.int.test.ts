import { readdirSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { session } from '../../compose/test/kit/examples/example-events.ts'
import { skipUnless } from '../../compose/test/kit/skip.ts'
import { ensureRedis, type Redis, startRedis } from '../../compose/test/services/redis.ts'
import { until } from '../../compose/test/until.ts'
import type { Batch } from '../../proxy/events/contract.ts'
import { connectRedis, type RedisClient } from '../../proxy/redis/connect.ts'
import { fold } from '../fold/fold.ts'
import { createMemoryState, type State } from '../fold/state.ts'
import { type Mirror, openMirror } from './mirror.ts'
import { type Hold, takePartition } from './redis-hold.ts'

const it = skipUnless(test, ensureRedis() !== null, 'redis-server is missing')

const now = Date.now()
const prefix = 'm'
const partition = 0

const connected = async (url: string): Promise<RedisClient & AsyncDisposable> => {
  const redis = connectRedis({ urls: [url], prefix: 'x' }, 'test', () => {})
  await new Promise((resolve) => redis.once('ready', resolve))
  return Object.assign(redis, { [Symbol.asyncDispose]: async () => redis.disconnect() })
}

/** The message at an offset; the same whenever it is read. */
const message = (offset: number): Batch => ({
  node: 'n',
  boot: 'b',
  seq: 1 + offset * 4,
  events: session({ at: now - 60_000 + offset * 100, toClient: 10, toDatacenter: 1 }),
})

const foldTo = async (hold: Hold, to: number, inOneCommit = 1): Promise<void> => {
  for (let at = hold.offset; at < to; ) {
    const until = Math.min(to, at + inOneCommit)
    for (; at < until; at++) hold.fold(message(at))
    assert.is(await hold.commit(at, to), 'advanced')
  }
}

const memoryAt = (offset: number): State => {
  const memory = createMemoryState()
  for (let at = 0; at < offset; at++) fold(memory, message(at))
  return memory
}

/** Bytes to the client, ten per message. */
const bytesOf = ({ state }: Mirror): number => state.count('ever', 0, 'to-client')

const opened = (redis: RedisClient, waiting = (_: number, offset: number) => Math.max(0, 100 - offset)) =>
  openMirror({ redis, prefix, partitions: () => 1, waiting })

/** The append-only file of a Redis. */
const aofOf = ({ folder }: Redis): string => {
  const at = join(folder, 'appendonlydir')
  return join(at, readdirSync(at).find((name) => name.endsWith('.incr.aof')) ?? '')
}

/** A power failure: Redis starts again with the first `kept` bytes of its append-only file. */
const loseTail = async (server: Redis, redis: RedisClient, kept: number): Promise<void> => {
  await server.kill()
  truncateSync(aofOf(server), kept)
  await server.start()
  await until(
    () =>
      redis.ping().then(
        () => true,
        () => false,
      ),
    'Redis is back',
  )
}

it('counters do not fall when Redis loses its tail: the copy stays until Redis is as far again', async () => {
  await using server = await startRedis()
  await using redis = await connected(server.url)
  const mirrors = [opened(redis), opened(redis)]
  const refresh = () => Promise.all(mirrors.map((mirror) => mirror.refresh(now)))
  const hold = await takePartition({ redis, prefix, partition })
  await foldTo(hold, 6)
  const kept = statSync(aofOf(server)).size
  await foldTo(hold, 10)
  await refresh()
  await loseTail(server, redis, kept)

  await refresh()
  assert.equal(mirrors.map(bytesOf), [100, 100])
  assert.is(mirrors[0]?.metas.get(partition)?.offset, 6)
  const again = await takePartition({ redis, prefix, partition })
  assert.is(again.offset, 6)
  await foldTo(again, 9, 3)
  await refresh()
  assert.equal(mirrors.map(bytesOf), [100, 100])
  await foldTo(again, 12, 3)
  await refresh()
  const memory = memoryAt(12)
  memory.expire(now)
  for (const mirror of mirrors) {
    assert.is(mirror.metas.get(partition)?.offset, 12)
    assert.is(mirror.state.snapshot(), memory.snapshot())
  }
})

it('events that Redis lost and that were folded again between two refreshes, cut differently, are read again', async () => {
  await using server = await startRedis()
  await using redis = await connected(server.url)
  const mirror = opened(redis)
  const hold = await takePartition({ redis, prefix, partition })
  await foldTo(hold, 2)
  const kept = statSync(aofOf(server)).size
  await foldTo(hold, 6, 4)
  await mirror.refresh(now)
  await loseTail(server, redis, kept)
  await foldTo(await takePartition({ redis, prefix, partition }), 9)
  await mirror.refresh(now)
  const memory = memoryAt(9)
  memory.expire(now)
  assert.is(mirror.state.snapshot(), memory.snapshot())
})

it('during a rebuild the old counters stay; afterwards the new ones count, although they may be smaller', async () => {
  await using server = await startRedis()
  await using redis = await connected(server.url)
  const mirror = opened(redis)
  await foldTo(await takePartition({ redis, prefix, partition }), 10)
  await mirror.refresh(now)
  await redis.flushall()
  await mirror.refresh(now)
  assert.is(bytesOf(mirror), 100)
  const again = await takePartition({ redis, prefix, partition })
  // Retention deleted the first four messages: they cannot be folded again.
  for (const at of [4, 5]) again.fold(message(at))
  await again.commit(6, 10)
  await mirror.refresh(now + 60_000)
  assert.is(bytesOf(mirror), 100)
  let least = 100
  const watching = setInterval(() => {
    least = Math.min(least, bytesOf(mirror))
  }, 0)
  for (const at of [6, 7, 8, 9]) again.fold(message(at))
  await again.commit(10, 10)
  await mirror.refresh(now)
  clearInterval(watching)
  assert.is(bytesOf(mirror), 60)
  // The sum never lacked the partition.
  assert.ok(least >= 60, String(least))
})

it('a recreated topic has fewer messages: its end is far enough', async () => {
  await using server = await startRedis()
  await using redis = await connected(server.url)
  let end = 10
  const mirror = opened(redis, (_, offset) => Math.max(0, end - offset))
  await foldTo(await takePartition({ redis, prefix, partition }), 10)
  await mirror.refresh(now)
  await redis.flushall()
  await foldTo(await takePartition({ redis, prefix, partition }), 2)
  end = 2
  await mirror.refresh(now)
  assert.is(bytesOf(mirror), 100)
  await mirror.refresh(now + 31_000)
  assert.is(bytesOf(mirror), 20)
})

test.run()
