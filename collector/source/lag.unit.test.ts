import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { foldedShare, watchStart, watchWaiting } from './lag.ts'

const hour = 3_600_000
const now = 10 * hour
const at = (waiting: number, foldedAt: number) => new Map([[0, { waiting, foldedAt }]])
/** With a wall clock that is never set. */
const watched = () => {
  const lag = watchWaiting()
  return (partitions: Parameters<typeof lag>[0], is: number): number => lag(partitions, is, is)
}

test('a partition that was idle for an hour is not an hour behind when an event arrives', () => {
  const lag = watched()
  assert.is(lag(at(0, now - hour), now), 0)
  assert.is(lag(at(3, now - hour), now + 1_000), 1_000)
  assert.is(lag(at(3, now - hour), now + 40_000), 40_000)
  assert.is(lag(at(0, now + 40_500), now + 41_000), 0)
})

test('at the start of a collector the lag counts from the last folded event', () => {
  assert.is(watched()(at(3, now - hour), now), hour)
})

test('the lag of a partition that is folded and still behind counts from its last fold', () => {
  const lag = watched()
  assert.is(lag(at(0, now), now), 0)
  assert.is(lag(at(5, now + 2_000), now + 3_000), 1_000)
})

test('the lag of a partition that was never folded counts from its first sight', () => {
  const lag = watched()
  assert.is(lag(at(5, 0), now), 0)
  assert.is(lag(at(5, 0), now + 50_000), 50_000)
})

test('the largest lag of all partitions counts', () => {
  const lag = watched()
  const both = new Map([
    [0, { waiting: 1, foldedAt: now - 5_000 }],
    [1, { waiting: 1, foldedAt: now - 9_000 }],
  ])
  assert.is(lag(both, now), 9_000)
})

test('a step of the wall clock neither adds nor hides lag', () => {
  const lag = watchWaiting()
  assert.is(lag(at(0, now), now, 0), 0)
  assert.is(lag(at(1, now), now + 3 * hour, 1_000), 1_000)
  assert.is(lag(at(1, now), now + 3 * hour, 31_000), 31_000)
})

test('the folded share counts all messages, and is unknown until every partition is known', () => {
  const half = { messages: 100, waiting: 50 }
  assert.is(foldedShare([half, { messages: 300, waiting: 50 }]), 0.75)
  assert.is(foldedShare([half, { messages: null, waiting: null }]), null)
  assert.is(foldedShare([{ messages: 100, waiting: 100 }]), 0)
  assert.is(foldedShare([{ messages: 0, waiting: 0 }]), 1)
})

const ends = (atFirst: readonly number[] | null, end: number) => ({
  atFirst: atFirst === null ? null : new Map(atFirst.map((next, partition) => [partition, next])),
  waiting: (_: number, from: number) => Math.max(0, end - from),
})

test('a collector that starts behind has settled at the end that the log had at its start', () => {
  const settled = watchStart(now, ends([10, 10], 14))
  assert.not(settled((partition) => [10, 9][partition]!, now))
  assert.ok(settled((partition) => [10, 10][partition]!, now))
  assert.ok(
    settled(() => 0, now),
    'it stays settled',
  )
})

test('deleted messages are not waited for, and an unreachable broker for five minutes only', () => {
  assert.ok(watchStart(now, ends([10], 0))(() => 0, now))
  const away = watchStart(now, ends(null, 0))
  assert.not(away(() => 5, now + 299_000))
  assert.ok(away(() => 5, now + 301_000))
})

test.run()
