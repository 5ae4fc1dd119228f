import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { randomPool } from './random.ts'

test('only the asked range is filled', () => {
  const fill = randomPool(64)
  const target = Buffer.alloc(40)
  fill(target, 10, 30)
  assert.equal(target.subarray(0, 10), Buffer.alloc(10))
  assert.equal(target.subarray(30), Buffer.alloc(10))
  assert.not.equal(target.subarray(10, 30), Buffer.alloc(20))
})

test('no byte is handed out twice, also when the pool runs out or is too small', () => {
  for (const length of [16, 40, 64, 200]) {
    const fill = randomPool(64)
    const seen = new Set<string>()
    for (let i = 0; i < 200; i++) {
      const target = Buffer.alloc(length)
      fill(target, 0, length)
      for (let at = 0; at + 8 <= length; at += 8) seen.add(target.toString('hex', at, at + 8))
    }
    assert.is(seen.size, 200 * Math.floor(length / 8))
  }
})

test('bytes that were handed out and wiped are not handed out again', () => {
  const fill = randomPool(64)
  const byte = Buffer.alloc(1)
  let zeros = 0
  for (let i = 0; i < 10_000; i++) {
    fill(byte, 0, 1)
    if (byte[0] === 0) zeros++
  }
  // 39 are expected; ten standard deviations more are not.
  assert.ok(zeros < 100, `${zeros} zeros`)
})

test.run()
