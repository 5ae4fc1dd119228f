import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { foldedShare, watchWaiting } from './waiting.ts'

const hour = 3_600_000
const now = 10 * hour
const at = (waiting: number, foldedAt: number) => new Map([[0, { waiting, foldedAt }]])

test('a partition in which nothing happened for an hour is not an hour behind when something comes', () => {
  const lag = watchWaiting()
  assert.is(lag(at(0, now - hour), now), 0)
  assert.is(lag(at(3, now - hour), now + 1_000), 1_000)
  assert.is(lag(at(3, now - hour), now + 40_000), 40_000)
  assert.is(lag(at(0, now + 40_500), now + 41_000), 0)
})

test('what a collector finds waiting at its start is as old as what was folded last', () => {
  assert.is(watchWaiting()(at(3, now - hour), now), hour)
})

test('a partition that is folded and still behind is as late as its last fold', () => {
  const lag = watchWaiting()
  assert.is(lag(at(0, now), now), 0)
  assert.is(lag(at(5, now + 2_000), now + 3_000), 1_000)
})

test('a partition that was never folded is behind since it was first seen', () => {
  const lag = watchWaiting()
  assert.is(lag(at(5, 0), now), 0)
  assert.is(lag(at(5, 0), now + 50_000), 50_000)
})

test('the oldest of all partitions counts', () => {
  const lag = watchWaiting()
  const both = new Map([
    [0, { waiting: 1, foldedAt: now - 5_000 }],
    [1, { waiting: 1, foldedAt: now - 9_000 }],
  ])
  assert.is(lag(both, now), 9_000)
})

test('how far a state is folded is the share of all messages, and not known before all partitions are', () => {
  const half = { messages: 100, waiting: 50 }
  assert.is(foldedShare([half, { messages: 300, waiting: 50 }]), 0.75)
  assert.is(foldedShare([half, { messages: null, waiting: null }]), null)
  assert.is(foldedShare([{ messages: 100, waiting: 100 }]), 0)
  assert.is(foldedShare([{ messages: 0, waiting: 0 }]), 1)
})

test.run()
