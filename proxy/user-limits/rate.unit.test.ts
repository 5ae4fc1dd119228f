import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { countsMemory, RATE_DOWN, RATE_UP, userCounts } from './counts.ts'
import { rateOf } from './rate.ts'

/** The rates of two threads on one clock. */
const shared = (startMs = 0) => {
  const memory = countsMemory(2)
  let now = startMs
  const threads = [0, 1].map((worker) => rateOf(userCounts(memory, 2, worker), () => now))
  let turn = 0
  return {
    passes: (ms: number) => {
      now += ms
    },
    pass: (rate: number, bytes: number, slot = 0, word = RATE_DOWN) =>
      threads[turn++ % 2]!.pass(slot, word, rate, bytes),
    waits: (slot = 0, word = RATE_DOWN) => threads[turn++ % 2]!.waits(slot, word),
  }
}

const burstMs = 250

test('bytes wait exactly as long as a naive bucket of exact numbers, to a millisecond for each thread', () => {
  const step = fc.record({ bytes: fc.nat({ max: 300_000 }), passesMs: fc.nat({ max: 400 }) })
  const rates = fc.integer({ min: 1_024, max: 200_000_000 })
  const starts = fc.nat({ max: 2 ** 40 })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), rates, starts, (steps, rate, startMs) => {
      const of = shared(startMs)
      // The time at which everything is earned, relative to now.
      let aheadMs = -burstMs
      for (const { bytes, passesMs } of steps) {
        of.passes(passesMs)
        aheadMs = Math.max(-burstMs, aheadMs - passesMs)
        const waits = of.pass(rate, bytes)
        aheadMs = Math.min(120_000, aheadMs + (bytes * 1_000) / rate)
        if (Math.abs(aheadMs) > 2) assert.is(waits, aheadMs > 0, `${aheadMs}`)
        assert.is(of.waits(), waits)
      }
    }),
    { numRuns: 200 },
  )
})

test('over a minute, connections of two threads get the rate of their user together', () => {
  for (const rate of [1_024, 125_000, 12_500_000]) {
    const of = shared(12_345)
    let bytes = 0
    const read = Math.max(1_024, Math.floor(rate / 20))
    for (let ms = 0; ms < 60_000; ms += 50) {
      of.passes(50)
      while (!of.waits()) {
        of.pass(rate, read)
        bytes += read
      }
    }
    const perSecond = bytes / 60
    assert.ok(Math.abs(perSecond / rate - 1) < 0.06, `${perSecond} bytes a second at ${rate}`)
  }
})

test('directions and users have rates of their own', () => {
  const of = shared()
  assert.ok(of.pass(1_000, 10_000))
  assert.not(of.waits(0, RATE_UP))
  assert.not(of.waits(1))
  of.passes(9_750)
  assert.not(of.waits())
})

test('a rest of weeks does not make a user wait', () => {
  const of = shared()
  of.pass(1_024, 100_000)
  of.passes(2 ** 31 + 86_400_000)
  assert.not(of.waits())
  assert.not(of.pass(1_000_000, 1_000))
})

test.run()
