import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { replayCache, replayMemory } from './memory.ts'

test('a digest is new once', () => {
  const claim = replayCache(replayMemory(1024))
  const digest = randomBytes(16)
  assert.is(claim(digest, 1000), true)
  assert.is(claim(digest, 1001), false)
  assert.is(claim(randomBytes(16), 1001), true)
})

test('two views of one memory are one cache', () => {
  const memory = replayMemory(64)
  const digest = randomBytes(32)
  assert.is(replayCache(memory)(digest, 5), true)
  assert.is(replayCache(memory)(digest, 5), false)
})

test('a full cache forgets the oldest and never the newest', () => {
  const claim = replayCache(replayMemory(8))
  const digests = Array.from({ length: 17 }, () => randomBytes(16))
  for (const [i, digest] of digests.entries()) assert.is(claim(digest, 100 + i), true)
  assert.is(claim(digests[16]!, 200), false)
  assert.is(claim(digests[1]!, 200), false)
  assert.is(claim(digests[0]!, 200), true)
})

test('the cache keeps REPLAY_CHECK_LEN entries, except a few in crowded buckets', () => {
  const entries = 16_384
  const claim = replayCache(replayMemory(entries))
  const digests = Array.from({ length: entries }, () => randomBytes(16))
  for (const [i, digest] of digests.entries()) claim(digest, i + 1)
  const forgotten = digests.filter((digest) => claim(digest, 2 * entries)).length
  assert.ok(forgotten < entries / 20, `${forgotten} forgotten`)
})

test('an entry takes about 40 bytes, as documented at REPLAY_CHECK_LEN', () => {
  assert.is(Math.round(replayMemory(65_536).byteLength / 65_536), 41)
})

test('a cache without entries refuses nothing', () => {
  const claim = replayCache(replayMemory(0))
  const digest = randomBytes(16)
  assert.ok(claim(digest, 1) && claim(digest, 1))
})

test('when threads claim the same digests simultaneously, one wins each', async () => {
  const memory = replayMemory(16_384)
  const digests = randomBytes(16 * 2000)
  const gate = new Int32Array(new SharedArrayBuffer(4))
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.module).then(({ replayCache }) => {
      const claim = replayCache(workerData.memory)
      const digests = Buffer.from(workerData.digests)
      parentPort.postMessage('ready')
      Atomics.wait(workerData.gate, 0, 0)
      let won = 0
      for (let i = 0; i < digests.length; i += 16) if (claim(digests.subarray(i, i + 16), 7)) won++
      parentPort.postMessage(won)
    })`
  const workerData = { memory, digests, gate, module: new URL('memory.ts', import.meta.url).href }
  const threads = [0, 1, 2].map(() => new Worker(source, { eval: true, workerData }))
  await Promise.all(threads.map((thread) => once(thread, 'message')))
  const results = threads.map((thread) => once(thread, 'message'))
  Atomics.store(gate, 0, 1)
  Atomics.notify(gate, 0)
  const won = (await Promise.all(results)).map(([count]) => count as number)
  assert.is(
    won.reduce((sum, n) => sum + n),
    2000,
  )
})

test.run()
