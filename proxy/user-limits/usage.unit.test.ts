import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { noLimits } from '../users/limits.ts'
import { periods, reached, usage } from './usage.ts'

const hour = 3_600_000
const start = Date.UTC(2026, 10, 29, 12)

test('usage never exceeds what has passed, and reaches it with the totals that are read last', () => {
  // Each step: bytes that pass here and elsewhere; whether totals are read, of a state that is a step behind.
  const step = fc.record({
    here: fc.nat({ max: 1_000 }),
    elsewhere: fc.nat({ max: 1_000 }),
    learns: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), fc.nat({ max: 5_000 }), (steps, before) => {
      const of = usage(0, start)
      let [local, all, folded] = [0, before, before]
      for (const { here, elsewhere, learns } of steps) {
        if (learns) of.learn({ day: folded, month: folded, total: folded }, local, start)
        folded = all
        local += here
        all += here + elsewhere
        for (const period of periods) {
          const used = of.used(period, local, start)
          assert.ok(used <= all, `${used} of ${all}`)
          assert.ok(used >= local)
          if (learns) assert.ok(used >= folded - elsewhere - here - 2_000)
        }
      }
      of.learn({ day: all, month: all, total: all }, local, start)
      assert.is(of.used('day', local, start), all)
    }),
    { numRuns: 200 },
  )
})

test('a day and a month begin at midnight UTC, and the total goes on', () => {
  const of = usage(0, start)
  of.learn({ day: 10, month: 100, total: 1_000 }, 0, start)
  const at = (hours: number, bytes: number) =>
    periods.map((period) => of.used(period, bytes, start + hours * hour))
  assert.equal(at(0, 5), [15, 105, 1_005])
  // 30 November.
  assert.equal(at(13, 7), [0, 107, 1_007])
  assert.equal(at(14, 9), [2, 109, 1_009])
  // 1 December.
  assert.equal(at(37, 9), [0, 0, 1_009])
})

test('older totals take nothing back', () => {
  const of = usage(100, start)
  of.learn({ day: 50, month: 50, total: 50 }, 100, start)
  of.learn({ day: 20, month: 20, total: 20 }, 100, start)
  assert.is(of.used('total', 130, start), 80)
})

test('the first quota that is used up is reported', () => {
  const used = { day: 5, month: 50, total: 500 }
  const of = (limits: object) => reached({ ...noLimits, ...limits }, (period) => used[period])
  assert.is(of({}), null)
  assert.is(of({ quotaDay: 6, quotaMonth: 51, quotaTotal: 501 }), null)
  assert.equal(of({ quotaMonth: 50, quotaTotal: 1 }), { period: 'month', used: 50, quota: 50 })
  assert.equal(of({ quotaTotal: 1 }), { period: 'total', used: 500, quota: 1 })
})

test.run()
