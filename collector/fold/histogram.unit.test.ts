import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bucketFor, durationBounds, latencyBounds, merge, quantile, total } from './histogram.ts'

const counted = (values: readonly number[], bounds = latencyBounds): number[] => {
  const counts = Array.from({ length: bounds.length + 1 }, () => 0)
  for (const value of values) counts[bucketFor(bounds, value)]!++
  return counts
}

const values = fc.array(fc.double({ min: 0, max: 1e5, noNaN: true }), { minLength: 1, maxLength: 200 })

test('bounds rise, and have 2 s (slow) and 8 s (a failure) among them', () => {
  for (const bounds of [latencyBounds, durationBounds]) {
    for (let i = 1; i < bounds.length; i++) assert.ok(bounds[i]! > bounds[i - 1]!)
  }
  assert.ok(latencyBounds.includes(2000) && latencyBounds.includes(8000))
})

test('a value lies in the first bucket whose bound is not below it', () => {
  assert.is(bucketFor([1, 2, 5], 0), 0)
  assert.is(bucketFor([1, 2, 5], 1), 0)
  assert.is(bucketFor([1, 2, 5], 1.001), 1)
  assert.is(bucketFor([1, 2, 5], 5), 2)
  assert.is(bucketFor([1, 2, 5], 6), 3)
  assert.is(bucketFor([1, 2, 5], -1), 0)
  assert.is(bucketFor([1, 2, 5], Number.NaN), 0)
})

test('merging two histograms is counting all values in one', () => {
  fc.assert(
    fc.property(values, values, (a, b) => {
      assert.equal(merge(counted(a), counted(b)), counted([...a, ...b]))
      assert.is(total(counted(a)), a.length)
    }),
  )
})

test('a quantile lies in the bucket of the exact one, and rises with q', () => {
  fc.assert(
    fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (all, q) => {
      const sorted = all.toSorted((a, b) => a - b)
      const exact = sorted[Math.max(0, Math.ceil(q * all.length) - 1)]!
      const found = quantile(latencyBounds, counted(all), q)!
      const bucket = bucketFor(latencyBounds, exact)
      assert.ok(found >= (latencyBounds[bucket - 1] ?? 0) && found <= (latencyBounds[bucket] ?? 60_000))
      assert.ok(found >= quantile(latencyBounds, counted(all), q / 2)!)
    }),
  )
})

test('an empty histogram has no quantile; beyond the last bound the quantile is the last bound', () => {
  assert.is(quantile([1, 2], [0, 0, 0], 0.5), null)
  assert.is(quantile([1, 2], [0, 0, 9], 0.5), 2)
  assert.is(quantile([10, 20], [0, 4, 0], 0.5), 15)
})

test.run()
