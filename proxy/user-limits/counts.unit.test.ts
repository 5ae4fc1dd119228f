import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { countsMemory, type Stop, stops, userCounts } from './counts.ts'

const workers = 3
const slots = 2
const most = 4

type Step =
  | { do: 'enter' | 'leave'; slot: number; worker: number; forced?: boolean }
  | { do: 'die'; worker: number }
  | { do: 'add'; slot: number; worker: number; bytes: number }
  | { do: 'stop'; slot: number; why: Stop | null }

const slot = fc.nat({ max: slots - 1 })
const worker = fc.nat({ max: workers - 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('enter' as const), slot, worker, forced: fc.boolean() }),
  fc.record({ do: fc.constant('leave' as const), slot, worker }),
  fc.record({ do: fc.constant('die' as const), worker }),
  fc.record({ do: fc.constant('add' as const), slot, worker, bytes: fc.nat({ max: 2 ** 40 }) }),
  fc.record({ do: fc.constant('stop' as const), slot, why: fc.constantFrom(...stops) }),
)

test('connections, bytes and stops of users are those of a model, over all threads and their deaths', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const memory = countsMemory(workers)
      const threads = Array.from({ length: workers }, (_, number) => userCounts(memory, workers, number))
      const main = userCounts(memory, workers)
      const open = Array.from({ length: slots }, () => Array.from({ length: workers }, () => 0))
      const bytes = Array.from({ length: slots }, () => 0)
      const stopped: (Stop | null)[] = Array.from({ length: slots }, () => null)
      const sum = (of: number): number => open[of]!.reduce((a, b) => a + b, 0)
      for (const one of steps) {
        if (one.do === 'die') {
          main.giveBack(one.worker)
          for (const shares of open) shares[one.worker] = 0
        } else if (one.do === 'add') {
          threads[one.worker]!.addBytes(one.slot, one.bytes)
          bytes[one.slot]! += one.bytes
        } else if (one.do === 'stop') {
          main.stop(one.slot, one.why)
          stopped[one.slot] = one.why
        } else if (one.do === 'enter') {
          const fits = one.forced || sum(one.slot) < most
          assert.is(threads[one.worker]!.enter(one.slot, one.forced ? null : most), fits)
          if (fits) open[one.slot]![one.worker]!++
        } else if (open[one.slot]![one.worker]! > 0) {
          threads[one.worker]!.leave(one.slot)
          open[one.slot]![one.worker]!--
        }
        for (let of = 0; of < slots; of++) {
          assert.is(main.connections(of), sum(of))
          assert.is(main.bytes(of), bytes[of])
          assert.is(threads[0]!.stopOf(of), stopped[of])
        }
      }
    }),
    { numRuns: 60 },
  )
})

test('addresses of a user are those of a model, in any order of time, with as many places as it may have', () => {
  const seen = fc.record({ address: fc.nat({ max: 6 }), passesS: fc.nat({ max: 40 }) })
  const windowS = 60
  fc.assert(
    fc.property(fc.array(seen, { maxLength: 80 }), fc.integer({ min: 1, max: 4 }), (steps, length) => {
      const counts = userCounts(countsMemory(1), 1)
      const region = { first: 5, length }
      const model = new Map<number, number>()
      let now = 1_000_000
      for (const { address, passesS } of steps) {
        now += passesS
        for (const [known, at] of model) if (at <= now - windowS) model.delete(known)
        const fits = model.has(address) || model.size < length
        if (fits) model.set(address, now)
        const hash = Buffer.alloc(8, address + 1)
        assert.is(counts.see(0, region, hash, now, windowS), fits)
        const listed = counts.addresses.list(region, now - windowS)
        assert.is(listed.length, model.size)
      }
    }),
    { numRuns: 100 },
  )
})

test('a region that shrinks keeps the newest addresses, and one that grows keeps all', () => {
  const { addresses } = userCounts(countsMemory(1), 1)
  const [small, large] = [
    { first: 0, length: 2 },
    { first: 2, length: 4 },
  ]
  const name = (of: number): Buffer => Buffer.alloc(8, of)
  for (let of = 1; of <= 4; of++) addresses.see(large, name(of), 100 + of, 60)
  addresses.move(large, small)
  const hex = (of: number): string => name(of).toString('hex')
  assert.equal(addresses.list(small, 0).sort(), [
    [hex(3), 103],
    [hex(4), 104],
  ])
  addresses.move(small, large)
  assert.equal(addresses.list(large, 0).length, 2)
})

test.run()
