import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { anyProxyEvent, arbitraries } from '../../compose/test/kit/examples/arbitrary-events.ts'
import { runs } from '../../compose/test/kit/runs.ts'
import {
  decodeBatch,
  decodeEvent,
  decodeEvents,
  decodeMessage,
  encodeEvents,
  encodeMessage,
  placed,
} from './codec.ts'
import type { EventType, MtscopeEvent, ProxyEvent } from './contract.ts'
import { examples } from './examples.ts'

const place = { node: 'n"1', boot: 'b\\1', seq: 41 }
const position = fc.record({
  node: fc.string(),
  boot: fc.string(),
  seq: fc.integer({ min: 1, max: 2 ** 53 - 1e6 }),
})

for (const [type, arbitrary] of Object.entries(arbitraries) as [EventType, fc.Arbitrary<MtscopeEvent>][]) {
  test(`${type}: any event that the contract allows survives the codec`, () => {
    fc.assert(
      fc.property(arbitrary, (event) => {
        assert.equal(decodeEvent(JSON.parse(JSON.stringify(event))), { event })
      }),
    )
  })

  test(`${type}: the codec rejects it without one of its fields, or with null in it`, () => {
    const whole: object = examples[type]
    for (const name of Object.keys(whole)) {
      assert.ok('why' in decodeEvent({ ...whole, [name]: null }), `${name}: null`)
    }
    fc.assert(
      fc.property(arbitrary, (event) => {
        for (const name of Object.keys(event)) {
          const { [name as 'type']: _, ...less } = event as MtscopeEvent & Record<string, unknown>
          const decoded = decodeEvent(less)
          if ('why' in decoded) assert.is(decoded.why, name)
          else assert.not(requiredOf(type).includes(name))
        }
      }),
      { numRuns: runs(20) },
    )
  })
}

const requiredOf = (type: EventType): string[] =>
  Object.keys(examples[type]).filter((name) => {
    const { [name as 'type']: _, ...less } = examples[type] as MtscopeEvent & Record<string, unknown>
    return 'why' in decodeEvent(less)
  })

test('a row and a message return the events with their positions', () => {
  fc.assert(
    fc.property(position, fc.array(anyProxyEvent, { minLength: 1, maxLength: 20 }), (at, events) => {
      const text = encodeEvents(events)
      const batch = { ...at, events, unreadable: [] }
      assert.equal(decodeBatch({ ...at, count: events.length, text }), batch)
      assert.equal(decodeMessage(encodeMessage({ ...at, text })), batch)
      assert.equal(
        [...placed(batch)],
        events.map((event, index) => ({ ...event, node: at.node, boot: at.boot, seq: at.seq + index })),
      )
    }),
  )
})

test('a counted loss replaces each event that cannot be read', () => {
  const stopped = examples['process.stopped']
  const values = [
    stopped,
    { ...stopped, v: 2 },
    { ...stopped, type: 'new.thing' },
    { ...stopped, type: '__proto__' },
    { ...stopped, reason: 7 },
    null,
    examples['alert.raised'],
    stopped,
  ]
  const batch = decodeBatch({ ...place, count: values.length, at: 99, text: JSON.stringify(values) })
  const lost = (at: number): ProxyEvent => ({ v: 1, type: 'events.lost', at, reason: 'unreadable', count: 1 })
  const { at } = stopped
  assert.equal(batch.events, [stopped, lost(at), lost(at), lost(at), lost(at), lost(99), lost(at), stopped])
  assert.equal(
    batch.unreadable.map(({ seq, type, why }) => `${seq} ${type} ${why}`),
    [
      '42 process.stopped v',
      '43 new.thing type',
      '44 __proto__ type',
      '45 process.stopped reason',
      '46 unknown type',
      '47 alert.raised type',
    ],
  )
})

test('a row that is not an array of events is one loss of all of them', () => {
  for (const text of ['', '[', '{}', '7', 'null', '[]', '[{"v":1]']) {
    const { events, unreadable, seq } = decodeBatch({ ...place, count: 12, at: 99, text })
    assert.is(seq, 41)
    assert.equal(events, [{ v: 1, type: 'events.lost', at: 99, reason: 'unreadable', count: 12 }])
    assert.equal(unreadable, [{ seq: 41, count: 12, type: 'unknown', why: 'text' }])
  }
})

test('hostile bytes never throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), fc.integer(), (text, count) => {
      decodeBatch({ ...place, count, text })
      decodeEvents(text)
      decodeMessage(text)
    }),
  )
  fc.assert(fc.property(fc.anything(), (value) => void decodeEvent(value)))
  const deep = '['.repeat(200_000)
  decodeBatch({ ...place, count: 1, text: deep })
  decodeMessage(deep + ']'.repeat(200_000))
})

test('a message without a position or events is an error that names what is missing', () => {
  const error = (message: object): unknown => decodeMessage(JSON.stringify(message))
  const events = [examples['process.stopped']]
  assert.equal(error({ boot: 'b', seq: 1, events }), { error: 'no node or boot' })
  assert.equal(error({ node: 'n', boot: 'b', seq: 0.5, events }), { error: 'no seq' })
  assert.equal(error({ node: 'n', boot: 'b', seq: 1, events: [] }), { error: 'no events' })
  assert.equal(decodeMessage('nonsense'), { error: 'not a JSON object' })
  assert.ok('error' in decodeMessage(' '.repeat(17 * 2 ** 20)))
})

test.run()
