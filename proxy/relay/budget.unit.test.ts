import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  ALL_BYTES_A_SECOND,
  BURST,
  budget,
  budgetMemory,
  PREFIX_BURST,
  PREFIX_BYTES_A_SECOND,
} from './budget.ts'

const read = 16_384
const second = 1_000

/** The budgets of two threads on one clock. */
const shared = (startMs = 0) => {
  const memory = budgetMemory()
  let now = startMs
  const clock = (): number => now
  const threads = [budget(memory, clock), budget(memory, clock)]
  let turn = 0
  return {
    passes: (ms: number) => {
      now += ms
    },
    take: (prefix: number, bytes = read) => threads[turn++ % 2]!.take(prefix, bytes),
    giveBack: (prefix: number, bytes: number) => threads[turn++ % 2]!.giveBack(prefix, bytes),
  }
}

/** Takes bytes until none are left, or `most`. */
const drain = (of: ReturnType<typeof shared>, prefix: number, most = Number.POSITIVE_INFINITY): number => {
  let taken = 0
  while (taken < most && of.take(prefix)) taken += read
  return taken
}

test('a prefix has its burst and then its rate, over all threads', () => {
  const of = shared()
  assert.is(drain(of, 1), PREFIX_BURST)
  assert.not(of.take(1))
  of.passes(10 * second)
  assert.is(drain(of, 1), 10 * PREFIX_BYTES_A_SECOND)
  of.passes(1_000 * second)
  assert.is(drain(of, 1), PREFIX_BURST)
})

test('one prefix takes nothing from another, and all together have one bound', () => {
  const of = shared()
  let taken = 0
  for (let prefix = 0; prefix < 10; prefix++) taken += drain(of, prefix)
  assert.is(taken, BURST)
  of.passes(10 * second)
  // A take that the common bound refuses costs its prefix nothing.
  assert.is(drain(of, 5), PREFIX_BURST)
  taken = 0
  for (let prefix = 20; prefix < 30; prefix++) taken += drain(of, prefix)
  assert.is(taken, 10 * ALL_BYTES_A_SECOND - PREFIX_BURST)
})

test('unused bytes can be taken again, and no more than those', () => {
  const of = shared()
  drain(of, 1)
  of.giveBack(1, 5 * read)
  assert.is(drain(of, 1), 5 * read)
  of.giveBack(2, PREFIX_BURST)
  assert.ok(drain(of, 2) <= PREFIX_BURST)
})

test('neither a tick that wraps around nor hours of silence count as spent', () => {
  const roundMs = 2 ** 32 / 16
  for (const silenceMs of [
    roundMs / 2 - 1_000,
    roundMs / 2,
    roundMs / 2 + 1_000,
    roundMs + 1_000,
    3.4 * roundMs,
  ]) {
    for (const startMs of [0, roundMs / 2 - 500, roundMs - 500]) {
      const of = shared(startMs)
      drain(of, 1)
      of.passes(silenceMs)
      const again = drain(of, 1)
      assert.ok(again <= PREFIX_BURST && again > 0, `${startMs} ${silenceMs} ${again}`)
    }
  }
})

test('no sequence of takes gets more than burst and rate', () => {
  const step = fc.oneof(
    fc.record({ prefix: fc.nat(5), bytes: fc.integer({ min: 1, max: 4 * read }), times: fc.nat(3_000) }),
    fc.record({ wait: fc.integer({ min: 1, max: 60_000 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const of = shared()
      const taken = new Map<number, number>()
      let all = 0
      let ms = 0
      for (const one of steps) {
        if ('wait' in one) {
          ms += one.wait
          of.passes(one.wait)
          continue
        }
        for (let i = 0; i < one.times && of.take(one.prefix, one.bytes); i++) {
          all += one.bytes
          taken.set(one.prefix, (taken.get(one.prefix) ?? 0) + one.bytes)
        }
      }
      assert.ok(all <= BURST + (ms * ALL_BYTES_A_SECOND) / second)
      for (const bytes of taken.values()) {
        assert.ok(bytes <= PREFIX_BURST + (ms * PREFIX_BYTES_A_SECOND) / second, `${bytes} in ${ms} ms`)
      }
    }),
    { numRuns: 50 },
  )
})

test.run()
