import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ProxyEvent } from '../../events/contract.ts'
import type { FromWorker } from '../settings.ts'
import { eventQueue } from './queue.ts'

const event = (number: number): ProxyEvent => ({
  v: 1,
  type: 'limit.refused',
  at: 0,
  limit: 'connections',
  count: number,
  worker: 0,
})

const queue = () => {
  const batches: { numbers: number[]; lost: number }[] = []
  const events = eventQueue((message: FromWorker) => {
    if (message.type !== 'events') throw new Error(message.type)
    const numbers = (JSON.parse(message.text) as { count: number }[]).map(({ count }) => count)
    assert.is(numbers.length, message.count)
    batches.push({ numbers, lost: message.lost })
  })
  let next = 0
  return {
    events,
    batches,
    emit: (times: number) => {
      for (let i = 0; i < times; i++) events.emit(event(next++))
    },
    /** The main thread takes every batch. */
    takeAll: (from: number) => {
      for (let i = from; i < batches.length; i++) {
        events.taken()
        events.flush()
      }
    },
  }
}

test('flush posts all events in one batch, in order, and nothing when there are none', () => {
  const { events, batches, emit } = queue()
  events.flush()
  assert.equal(batches, [])
  emit(3)
  assert.is(events.waiting, 3)
  events.flush()
  events.flush()
  assert.equal(batches, [{ numbers: [0, 1, 2], lost: 0 }])
  assert.is(events.waiting, 0)
})

test('a full batch does not wait', () => {
  const { batches, emit } = queue()
  emit(511)
  assert.is(batches.length, 0)
  emit(1)
  assert.is(batches[0]?.numbers.length, 512)
})

test('events wait while the main thread does not take its batches', () => {
  const { events, batches, emit } = queue()
  for (let i = 0; i < 20; i++) {
    emit(1)
    events.flush()
  }
  assert.is(batches.length, 16)
  assert.is(events.waiting, 4)
  events.taken()
  events.flush()
  assert.equal(batches[16], { numbers: [16, 17, 18, 19], lost: 0 })
})

test('beyond the bound the oldest events are dropped and counted once, and order is kept', () => {
  const { events, batches, emit, takeAll } = queue()
  const emitted = 60_000
  let most = 0
  for (let i = 0; i < emitted; i++) {
    emit(1)
    most = Math.max(most, events.waiting)
  }
  assert.is(most, 20_000)
  assert.is(batches.length, 16)
  takeAll(0)
  const numbers = batches.flatMap((batch) => batch.numbers)
  const lost = batches.reduce((sum, batch) => sum + batch.lost, 0)
  assert.ok(lost > 0)
  assert.is(numbers.length + lost, emitted)
  assert.is(numbers.at(-1), emitted - 1)
  assert.is(numbers[16 * 512], 16 * 512 + lost)
  assert.ok(numbers.every((number, i) => i === 0 || number > numbers[i - 1]!))
})

test.run()
