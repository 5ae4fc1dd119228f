import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Spare } from './spare.ts'

test('a buffer is long enough, and comes back for the same size', () => {
  const spare = new Spare()
  for (const bytes of [1, 500, 16_384]) assert.is(spare.take(bytes).length, bytes)
  for (const [bytes, size] of [
    [16_385, 32_768],
    [32_768, 32_768],
    [32_769, 65_536],
    [1_100_000, 2_097_152],
  ] as const) {
    const buffer = spare.take(bytes)
    assert.is(buffer.length, size)
    spare.give(buffer)
    assert.is(spare.take(bytes), buffer)
    assert.is.not(spare.take(bytes), buffer)
  }
})

test('small buffers are not kept, and no more than four megabytes', () => {
  const spare = new Spare()
  const small = spare.take(100)
  spare.give(small)
  assert.is.not(spare.take(100), small)
  const all = Array.from({ length: 5 }, () => spare.take(1 << 20))
  for (const buffer of all) spare.give(buffer)
  const again = Array.from({ length: 5 }, () => spare.take(1 << 20))
  assert.is(again.filter((buffer) => all.includes(buffer)).length, 4)
})

test.run()
