import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ago, amount, bytes, clock, count, duration, ms, percent, rate, when } from './format.ts'

const plain = (text: string) => text.replaceAll('\u00a0', ' ')

test('sizes are SI, with three digits', () => {
  const sizes = [0, 1, 999, 1000, 1234, 99_960, 999_499, 999_600, 1_500_000, 41_200_000_000_000]
  assert.equal(
    sizes.map((size) => plain(bytes(size))),
    ['0 B', '1 B', '999 B', '1.00 kB', '1.23 kB', '100 kB', '999 kB', '1.00 MB', '1.50 MB', '41.2 TB'],
  )
  assert.is(plain(rate(2_340_000)), '2.34 MB/s')
})

test('no size is written with four digits before the point', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e17, noNaN: true }), (size) => {
      assert.match(plain(bytes(size)), /^\d{1,3}(\.\d+)? [kMGTP]?B$/)
    }),
  )
})

test('counts keep every digit up to 99,999', () => {
  assert.equal([0, 7, 1234, 99_999, 99_999.6, 3_412_908].map(count).map(plain), [
    '0',
    '7',
    '1,234',
    '99,999',
    '100 k',
    '3.41 M',
  ])
})

test('amounts show parts of one', () => {
  assert.equal([0, 0.004, 0.3, 0.25, 1.04, 31.5, 250].map(amount).map(plain), [
    '0',
    '< 0.01',
    '0.3',
    '0.25',
    '1',
    '31.5',
    '250',
  ])
})

test('latencies go from parts of a millisecond to minutes', () => {
  assert.equal([0, 0.31, 0.999, 4.2, 9.96, 412, 999.6, 1234, 12_345, 59_960, 130_000].map(ms).map(plain), [
    '0 ms',
    '0.31 ms',
    '1.0 ms',
    '4.2 ms',
    '10 ms',
    '412 ms',
    '1.00 s',
    '1.23 s',
    '12.3 s',
    '1 min',
    '2 min',
  ])
})

test('shares keep a decimal while they are small', () => {
  assert.equal([0, 0.004, 0.0996, 0.31, 1].map(percent).map(plain), ['0 %', '0.4 %', '10 %', '31 %', '100 %'])
})

test('durations show their two largest units, and are never negative', () => {
  const minute = 60_000
  assert.equal([-5, 59_999, minute, 61 * minute, 27 * 60 * minute].map(duration).map(plain), [
    '0 s',
    '59 s',
    '1 min',
    '1 h 1 min',
    '1 d 3 h',
  ])
})

test('an unknown value is a dash, not a zero', () => {
  for (const format of [bytes, rate, count, amount, ms, percent, duration]) {
    for (const unknown of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY])
      assert.is(format(unknown), '–')
  }
  assert.is(ago(null, 0), 'never')
})

test('past times are relative to now, and a clock that is ahead does not show the future', () => {
  const now = Date.UTC(2026, 10, 23, 12, 0, 0)
  assert.equal(
    [now + 900, now - 1000, now - 65_000].map((at) => plain(ago(at, now))),
    ['just now', 'just now', '1 min ago'],
  )
})

test('times have 24 hours, and an older day has its date', () => {
  const noon = new Date(2026, 10, 23, 12, 4, 31).getTime()
  assert.is(clock(noon), '12:04:31')
  assert.is(clock(new Date(2026, 10, 23, 0, 0, 0).getTime()), '00:00:00')
  assert.is(when(noon, noon + 1000), '12:04')
  assert.is(when(noon, noon + 2 * 86_400_000), '23 Nov 12:04')
})

test.run()
