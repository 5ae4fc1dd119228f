import { Worker } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { capacity, capacityMemory } from './capacity.ts'

test('a place taken by one thread is missing in another, and is free again when its client leaves', () => {
  const memory = capacityMemory()
  const [a, b] = [capacity(memory, 3, 2), capacity(memory, 3, 2)]
  assert.equal([a.enter(), a.enter(), b.enter()], [null, null, 'handshakes'])
  a.handshakeOver()
  assert.equal([b.enter(), b.enter()], [null, 'connections'])
  b.handshakeOver()
  b.leave()
  assert.equal([a.enter(), b.enter()], [null, 'connections'])
})

test('half of the places are for unauthenticated clients, in any thread, and of one place that one', () => {
  const memory = capacityMemory()
  const [a, b] = [capacity(memory, 5, 5), capacity(memory, 5, 5)]
  assert.equal(
    [a.admitUnauthenticated(), b.admitUnauthenticated(), a.admitUnauthenticated()],
    [true, true, false],
  )
  a.unauthenticatedLeft()
  assert.equal([b.admitUnauthenticated(), a.admitUnauthenticated()], [true, false])
  assert.ok(capacity(capacityMemory(), 1, 1).admitUnauthenticated())
})

test('threads that enter at the same time never take more places than there are, and every place comes back', async () => {
  const memory = capacityMemory()
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.module).then(({ capacity }) => {
      const places = capacity(workerData.memory, 2, 2)
      const inside = new Int32Array(workerData.inside)
      let most = 0
      let unauthenticated = 0
      // Counts entries, not tries: while two threads inside wait for a core, no other one can enter.
      for (let entered = 0; entered < 20_000; ) {
        if (places.enter() !== null) continue
        entered++
        most = Math.max(most, Atomics.add(inside, 0, 1) + 1)
        Atomics.sub(inside, 0, 1)
        places.handshakeOver()
        if (places.admitUnauthenticated()) {
          unauthenticated = Math.max(unauthenticated, Atomics.add(inside, 1, 1) + 1)
          Atomics.sub(inside, 1, 1)
          places.unauthenticatedLeft()
        }
        places.leave()
      }
      parentPort.postMessage([most, unauthenticated])
    })`
  const workerData = {
    memory,
    inside: new SharedArrayBuffer(8),
    module: new URL('capacity.ts', import.meta.url).href,
  }
  const threads = [0, 1, 2, 3].map(() => new Worker(source, { eval: true, workerData }))
  try {
    const reported = await Promise.all(
      threads.map(
        (thread) =>
          new Promise<[number, number]>((resolve, reject) => {
            thread.once('message', resolve)
            thread.once('error', reject)
          }),
      ),
    )
    for (const [most, unauthenticated] of reported)
      assert.ok(most >= 1 && most <= 2 && unauthenticated <= 1, `${most} ${unauthenticated}`)
    assert.equal([...new Int32Array(memory)], [0, 0, 0, 0])
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
})

test.run()
