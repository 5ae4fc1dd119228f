import { Worker } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { capacity, capacityMemory, giveBack, KEPT_AT_MOST } from './capacity.ts'

test('a place taken by one thread is missing in another, and is free again when its client leaves', () => {
  const memory = capacityMemory(2)
  const [a, b] = [capacity(memory, 0, 3, 2), capacity(memory, 1, 3, 2)]
  assert.equal([a.enter(), a.enter(), b.enter()], [null, null, 'handshakes'])
  a.handshakeOver()
  assert.equal([b.enter(), b.enter()], [null, 'connections'])
  b.handshakeOver()
  b.leave()
  assert.equal([a.enter(), b.enter()], [null, 'connections'])
})

test('half of the places are for unauthenticated clients, in any thread, and of one place that one', () => {
  const memory = capacityMemory(2)
  const [a, b] = [capacity(memory, 0, 5, 5), capacity(memory, 1, 5, 5)]
  assert.equal(
    [a.admitUnauthenticated(), b.admitUnauthenticated(), a.admitUnauthenticated()],
    [true, true, false],
  )
  a.unauthenticatedLeft()
  assert.equal([b.admitUnauthenticated(), a.admitUnauthenticated()], [true, false])
  assert.ok(capacity(capacityMemory(1), 0, 1, 1).admitUnauthenticated())
})

test('threads that enter at the same time never take more places than there are, and every place comes back', async () => {
  const memory = capacityMemory(4)
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.module).then(({ capacity }) => {
      const places = capacity(workerData.memory, workerData.worker, 2, 2)
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
  const threads = [0, 1, 2, 3].map(
    (worker) => new Worker(source, { eval: true, workerData: { ...workerData, worker } }),
  )
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
    assert.ok(new Int32Array(memory).every((count) => count === 0))
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
})

test('what a dead thread held is free again, and what others hold stays taken', () => {
  const memory = capacityMemory(2)
  const [dead, alive] = [capacity(memory, 0, 5, 4), capacity(memory, 1, 5, 4)]
  assert.equal([dead.enter(), dead.enter(), dead.enter(), alive.enter()], [null, null, null, null])
  dead.handshakeOver()
  assert.ok(dead.admitUnauthenticated() && dead.admitUnauthenticated() && !alive.admitUnauthenticated())
  assert.ok(dead.keep(KEPT_AT_MOST) && !alive.keep(1))
  giveBack(memory, 0)
  giveBack(memory, 0)
  assert.equal(
    Array.from({ length: 4 }, () => alive.enter()),
    [null, null, null, 'handshakes'],
  )
  assert.ok(alive.admitUnauthenticated() && alive.keep(KEPT_AT_MOST))
})

test.run()
