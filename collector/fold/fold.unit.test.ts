import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { emitter, histories, noon, session } from '../../compose/test/kit/examples/example-events.ts'
import { runs } from '../../compose/test/kit/runs.ts'
import type { Batch, ProxyEvent } from '../../proxy/events/contract.ts'
import { fold, lostBy } from './fold.ts'
import { packSnapshot, readSnapshot } from './snapshot.ts'
import { createMemoryState } from './state.ts'

const foldAll = (batches: readonly Batch[]): string => {
  const state = createMemoryState()
  for (const batch of batches) fold(state, batch)
  return state.snapshot()
}

const restored = (text: string) => {
  const read = readSnapshot(packSnapshot(text))
  if ('unusable' in read) throw new Error(read.unusable)
  return createMemoryState(read)
}

/** Cuts each batch in two, as `numbers` choose, and repeats some. */
const cutAndRepeated = (batches: readonly Batch[], numbers: readonly number[]): Batch[] => {
  let i = 0
  const next = (below: number): number => (below <= 0 ? 0 : (numbers[i++ % numbers.length] ?? 0) % below)
  const result: Batch[] = []
  for (const batch of batches) {
    const cut = 1 + next(batch.events.length)
    result.push({ ...batch, events: batch.events.slice(0, cut) })
    if (cut < batch.events.length) {
      result.push({ ...batch, seq: batch.seq + cut, events: batch.events.slice(cut) })
    }
    if (next(2) === 1) result.push(result[next(result.length)]!)
    if (next(3) === 1) result.push(batch)
  }
  return result
}

/** The batches of several emitters in one order, each emitter's in its own. */
const interleaved = (histories: readonly Batch[][], numbers: readonly number[]): Batch[] => {
  const left = histories.map((history) => [...history])
  const result: Batch[] = []
  for (let i = 0; left.some((history) => history.length > 0); i++) {
    const some = left.filter((history) => history.length > 0)
    result.push(some[(numbers[i % numbers.length] ?? 0) % some.length]!.shift()!)
  }
  return result
}

const numbers = fc.array(fc.nat(1000), { minLength: 1, maxLength: 40 })

test('aggregates do not depend on how batches are interleaved, cut or repeated', () => {
  fc.assert(
    fc.property(histories, numbers, numbers, (emitted, order, cuts) => {
      const straight = foldAll(emitted.flat())
      const cut = emitted.map((history) => cutAndRepeated(history, cuts))
      assert.is(foldAll(interleaved(cut, order)), straight)
      assert.is(foldAll(emitted.toReversed().flat()), straight)
    }),
    { numRuns: runs(150) },
  )
})

test('a fold that resumes from any snapshot, with some batches again, equals a fold without a stop', () => {
  fc.assert(
    fc.property(histories, fc.nat(30), fc.nat(5), (emitted, at, overlap) => {
      const batches = emitted.flat()
      const cut = Math.min(at, batches.length)
      const state = restored(foldAll(batches.slice(0, cut)))
      for (const batch of batches.slice(Math.max(0, cut - overlap))) fold(state, batch)
      assert.is(state.snapshot(), foldAll(batches))
    }),
    { numRuns: runs(150) },
  )
})

test('expiry commutes with folding', () => {
  fc.assert(
    fc.property(histories, fc.nat(10), fc.integer({ min: 0, max: 60 * 3_600_000 }), (emitted, at, later) => {
      const [now, batches] = [noon + later, emitted.flat()]
      const early = createMemoryState()
      for (const [index, batch] of batches.entries()) {
        // Not at `now`: if an emitter expired in between, its next gap would look like a first batch.
        if (index === at) early.expire(noon)
        fold(early, batch)
      }
      early.expire(now)
      const late = restored(foldAll(batches))
      late.expire(now)
      assert.is(early.snapshot(), late.snapshot())
    }),
    { numRuns: runs(100) },
  )
})

const lost = (reason: 'log-full' | 'worker-queue' | 'unreadable', count: number): ProxyEvent => ({
  v: 1,
  type: 'events.lost',
  at: noon,
  reason,
  count,
})

test('a gap that no events.lost reports is an unexplained loss, counted once', () => {
  const state = createMemoryState()
  const events = session()
  fold(state, { node: 'n', boot: 'b', seq: 1, events })
  fold(state, { node: 'n', boot: 'b', seq: 8, events })
  fold(state, { node: 'n', boot: 'b', seq: 8, events })
  assert.equal(lostBy(state), { unexplained: 3 })
})

test('a gap that an events.lost reports is counted under its reason only', () => {
  const state = createMemoryState()
  fold(state, { node: 'n', boot: 'b', seq: 1, events: session() })
  fold(state, { node: 'n', boot: 'b', seq: 8, events: [lost('log-full', 3)] })
  assert.equal(lostBy(state), { 'log-full': 3 })
})

test('an unreadable row leaves one event in its place and a gap after it, counted once', () => {
  const state = createMemoryState()
  fold(state, { node: 'n', boot: 'b', seq: 1, events: [lost('unreadable', 5)] })
  fold(state, { node: 'n', boot: 'b', seq: 6, events: session() })
  assert.equal(lostBy(state), { unreadable: 5 })
  fold(state, { node: 'n', boot: 'b', seq: 11, events: session() })
  assert.equal(lostBy(state), { unreadable: 5, unexplained: 1 })
})

test('an emitter may begin at any seq: the event log deletes old rows', () => {
  const state = createMemoryState()
  fold(state, { node: 'n', boot: 'b', seq: 5000, events: session() })
  assert.equal(lostBy(state), {})
})

test('repeated batches and parts of batches are skipped and counted', () => {
  const state = createMemoryState()
  const events = session()
  const batch = { node: 'n', boot: 'b', seq: 1, events }
  assert.equal(fold(state, batch), { folded: 4, repeated: 0 })
  assert.equal(fold(state, batch), { folded: 0, repeated: 4 })
  assert.equal(fold(state, { ...batch, events: [...events, ...events] }), { folded: 4, repeated: 4 })
  assert.is(state.count('ever', 0, 'facts'), 8)
})

test('a connection that opened and closed leaves no key behind', () => {
  const state = createMemoryState()
  const emit = emitter(state)
  emit(...session({ user: 'ann' }).slice(0, 3))
  assert.ok(state.bucket('boot', 'n1/b1').size > 0)
  emit(session({ user: 'ann' })[3]!)
  assert.is(state.bucket('boot', 'n1/b1').size, 0)
})

test('readSnapshot reports why a snapshot of another version, a damaged or an empty one is unusable', () => {
  const text = foldAll([{ node: 'n', boot: 'b', seq: 1, events: session() }])
  for (const bad of [
    new Uint8Array([1, 2, 3]),
    text.replace('"version":1', '"version":2'),
    text.slice(0, -9),
    '[]',
    '',
    'null',
    '{"version":1}',
  ]) {
    const read = readSnapshot(bad)
    assert.ok('unusable' in read && read.unusable.length > 5, String(bad).slice(0, 20))
  }
})

test('a full bucket counts under the keys it has, and counts refused new keys', () => {
  const state = createMemoryState()
  const emit = emitter(state)
  for (let user = 0; user < 12_000; user++) emit(...session({ user: `u${user}`, toClient: 1 }))
  assert.ok(state.refused > 0)
  assert.ok(state.bucket('ever', 0).size <= 20_000)
  assert.is(state.count('ever', 0, 'to-client'), 12_000)
})

test.run()
