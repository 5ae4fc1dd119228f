import { Worker } from 'node:worker_threads'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { room, roomMemory } from './capacity.ts'

test('what one thread took is missing at the other, and is there again when it leaves', () => {
  const memory = roomMemory()
  const [a, b] = [room(memory, 3, 2), room(memory, 3, 2)]
  assert.equal([a.enter(), a.enter(), b.enter()], [null, null, 'handshakes'])
  a.greeted()
  assert.equal([b.enter(), b.enter()], [null, 'connections'])
  b.greeted()
  b.leave()
  assert.equal([a.enter(), b.enter()], [null, 'connections'])
})

test('half of the places are for strangers, whichever thread they came to, and one place is when there is one', () => {
  const memory = roomMemory()
  const [a, b] = [room(memory, 5, 5), room(memory, 5, 5)]
  assert.equal(
    [a.admitUnauthenticated(), b.admitUnauthenticated(), a.admitUnauthenticated()],
    [true, true, false],
  )
  a.unauthenticatedLeft()
  assert.equal([b.admitUnauthenticated(), a.admitUnauthenticated()], [true, false])
  assert.ok(room(roomMemory(), 1, 1).admitUnauthenticated())
})

test('threads that enter at once never take more places than there are, and all of them come back', async () => {
  const memory = roomMemory()
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.module).then(({ room }) => {
      const door = room(workerData.memory, 2, 2)
      const inside = new Int32Array(workerData.inside)
      let most = 0
      let strange = 0
      // So many entries, not tries: two that wait for a core inside let nobody in for as long as that lasts.
      for (let entered = 0; entered < 20_000; ) {
        if (door.enter() !== null) continue
        entered++
        most = Math.max(most, Atomics.add(inside, 0, 1) + 1)
        Atomics.sub(inside, 0, 1)
        door.greeted()
        if (door.admitUnauthenticated()) {
          strange = Math.max(strange, Atomics.add(inside, 1, 1) + 1)
          Atomics.sub(inside, 1, 1)
          door.unauthenticatedLeft()
        }
        door.leave()
      }
      parentPort.postMessage([most, strange])
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
    for (const [most, strange] of reported)
      assert.ok(most >= 1 && most <= 2 && strange <= 1, `${most} ${strange}`)
    assert.equal([...new Int32Array(memory)], [0, 0, 0, 0])
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
})

test.run()
