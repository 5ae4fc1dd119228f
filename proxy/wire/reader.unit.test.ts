import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Reader } from './reader.ts'

test('fields are read in order', () => {
  const r = new Reader(Buffer.from('ff01020304050607080009000a', 'hex'), 1)
  assert.is(r.u8(), 0x01)
  assert.is(r.u16(), 0x0203)
  assert.is(r.u24(), 0x040506)
  assert.equal(r.take(2), Buffer.from([7, 8]))
  assert.equal(r.numbers(4), [9, 10])
  assert.is(r.at, 13)
  assert.ok(r.ok)
})

test('a read beyond the end returns nothing and invalidates all later ones', () => {
  const r = new Reader(Buffer.from([1, 2, 3]))
  assert.is(r.u8(), 1)
  assert.is(r.u24(), 0)
  assert.not(r.ok)
  assert.is(r.u8(), 0)
  assert.is(r.take(1).length, 0)
  assert.equal(r.numbers(2), [])
  assert.is(r.at, 1)
})

test('half a number and a negative size invalidate', () => {
  const half = new Reader(Buffer.alloc(4))
  assert.equal(half.numbers(3), [])
  assert.not(half.ok)
  const back = new Reader(Buffer.alloc(4), 2)
  back.take(-1)
  assert.not(back.ok)
})

test('whatever is read, the position stays inside', () => {
  const step = fc.tuple(
    fc.constantFrom('u8', 'u16', 'u24', 'take', 'numbers'),
    fc.integer({ min: -3, max: 9 }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), fc.array(step), (array, steps) => {
      const r = new Reader(Buffer.from(array))
      for (const [what, size] of steps) {
        if (what === 'take' || what === 'numbers') r[what](size)
        else r[what as 'u8']()
        assert.ok(r.at >= 0 && r.at <= array.length)
      }
    }),
  )
})

test.run()
