import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { noon, sampled } from '../../compose/test/kit/examples/example-events.ts'
import { earliest } from '../../proxy/event-log/patient-clock.ts'
import { nodesOf } from '../read/nodes.ts'
import { dated, datingOf } from './dating.ts'
import { fold, foldRow } from './fold.ts'
import { endOf, recentMs, spans } from './retention.ts'
import { createMemoryState } from './state.ts'

const hour = 3_600_000
const day = 24 * hour

test('no event is dated later than the broker received it, but for the tolerance between synchronized clocks', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), fc.option(fc.double({ noNaN: true })), (claimed, sentAt) => {
      const at = dated(datingOf(noon, sentAt ?? Number.NaN), claimed)
      assert.ok(at <= noon + 10_000)
      assert.ok(at >= earliest)
    }),
  )
})

test('the error of a clock that was ahead or far behind is removed from the times in its message', () => {
  for (const off of [400 * day, 3.5 * hour, 11_000, -2 * hour, -noon + 5_000]) {
    assert.is(dated(datingOf(noon, noon + off), noon - 40 + off), noon - 40)
  }
})

test('a message that waited for its broker keeps its times', () => {
  for (const waited of [0, 900, 60_000, 599_000]) {
    assert.is(dated(datingOf(noon, noon - waited), noon - waited - 70), noon - waited - 70)
  }
  assert.is(dated(datingOf(noon, Number.NaN), noon - 3 * hour), noon - 3 * hour)
})

test('an event that claims the future, from a clock that is right when it sends, is dated at its arrival', () => {
  assert.is(dated(datingOf(noon, noon - 20), noon + 3.5 * hour), noon)
  assert.is(dated(datingOf(noon, noon - 20), 5_000), noon)
  const state = createMemoryState()
  const events = [sampled(noon + hour), sampled(noon - hour)]
  fold(state, { node: 'n', boot: 'b', seq: 1, events }, datingOf(noon, noon - 20))
  assert.is(state.count('ever', 0, 'redated'), 1)
})

test('an emitter whose clock was ahead leaves nothing in the state beyond its retention', () => {
  const state = createMemoryState()
  const events = [sampled(noon + 400 * day), sampled(Number.MAX_VALUE)]
  fold(state, { node: 'n', boot: 'b', seq: 1, events }, datingOf(noon, noon - 5))
  for (const span of spans.filter((span) => span !== 'ever')) {
    const kept = (endOf(span, 0, 0) ?? 0) + 31 * day
    const buckets = JSON.parse(state.snapshot()).counts[span] as object
    for (const bucket of Object.keys(buckets)) {
      const ends = endOf(span, span === 'boot' ? bucket : Number(bucket), state.emitters.get('n/b')!.at)!
      assert.ok(ends <= noon + kept + recentMs, `${span} ${bucket}`)
    }
  }
  assert.ok([...state.recent.values()].every(({ at }) => at <= noon))
})

const row = (seq: number, at: number, boot = 'b1') => ({ node: 'n', boot, seq, events: [sampled(at)] })
/** Times from a host whose clock steps: ahead, back, into 1970 and right again. */
const stepped = [
  0,
  10_000,
  3.5 * hour,
  3.5 * hour + 10_000,
  30_000,
  400 * day,
  50_000,
  -noon + 1_000,
  70_000,
  -2 * hour,
].map((after, i) => row(i + 1, noon + after))

test('the event log of a host whose clock steps gives the same state at every fold, whole or from any snapshot', () => {
  const whole = createMemoryState()
  for (const batch of stepped) foldRow(whole, batch)
  for (let cut = 0; cut <= stepped.length; cut++) {
    const state = createMemoryState()
    for (const batch of [...stepped.slice(0, cut), ...stepped.slice(Math.max(0, cut - 2))]) {
      foldRow(state, batch)
    }
    assert.is(state.snapshot(), whole.snapshot())
  }
})

test('after a step back the sample that came last is the newest, also after a restart in between', () => {
  const state = createMemoryState()
  for (const at of [0, 400 * day]) foldRow(state, row(at === 0 ? 1 : 2, noon + at))
  foldRow(state, { node: 'n', boot: 'b2', seq: 1, events: [sampled(noon + 20_000, { openFds: 777 })] })
  const [node] = nodesOf(state, noon + 20_000)
  assert.equal([node?.boot, node?.sample?.openFds, node?.lastSeenAt], ['b2', 777, noon + 20_000])
  assert.is(state.latest, noon + 20_000)
})

test('a clock that was never set dates nothing: the last known time replaces it', () => {
  const state = createMemoryState()
  foldRow(state, row(1, noon))
  foldRow(state, row(1, 12_000, 'b2'))
  assert.is(state.emitters.get('n/b2')?.at, noon)
  assert.is(state.since, noon)
})

test.run()
