import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ProxyEvent } from '../../events/contract.ts'
import { examples } from '../../events/examples.ts'
import type { EventBudget } from '../settings.ts'
import { eventBudget } from './event-budget.ts'

const id = (number: number): string => number.toString(16).padStart(32, '0')

const accepted = (number: number, prefix = '203.0.113.0/24'): ProxyEvent => ({
  ...examples['connection.accepted'],
  connection: id(number),
  at: number,
  prefix,
})
const authenticated = (number: number): ProxyEvent => ({
  ...examples['handshake.accepted'],
  connection: id(number),
})
const rejected = (number: number, more: object = {}): ProxyEvent => ({
  v: 1,
  type: 'handshake.rejected',
  at: number,
  connection: id(number),
  reason: 'not-mtproto',
  elapsedMs: 1,
  fronted: true,
  client: '00112233aabbccdd',
  ...more,
})
const closed = (number: number, more: object = {}): ProxyEvent => ({
  v: 1,
  type: 'connection.closed',
  at: number,
  connection: id(number),
  by: 'client',
  phase: 'fronting',
  reason: 'not-mtproto',
  bytesToClient: 7,
  bytesToDatacenter: 5,
  untoldToClient: 7,
  untoldToDatacenter: 5,
  durationMs: 1,
  ...more,
})
const refused = (number: number): ProxyEvent[] => [accepted(number), rejected(number), closed(number)]

const budgeted = (budget: EventBudget) => {
  const reported: ProxyEvent[] = []
  const clock = { now: 0 }
  const events = eventBudget(
    budget,
    1,
    () => 1_000_000 + clock.now,
    (event) => reported.push(event),
  )
  events.pulse(0)
  return {
    reported,
    clock,
    events,
    emit: (...all: ProxyEvent[]) => {
      for (const event of all) events.emit(event)
    },
    /** Pulses each 50 ms until `ms`. */
    until: (ms: number) => {
      for (; clock.now < ms; clock.now += 50) events.pulse(clock.now + 50)
    },
    types: () => reported.map(({ type }) => type),
    summaries: () => reported.filter((event) => event.type === 'connections.summarised'),
  }
}

test('within the budget every connection has its own events, in order', () => {
  const run = budgeted({ perSecond: 0, burst: 3 })
  const all = [1, 2, 3].flatMap(refused)
  run.emit(...all)
  run.events.flush()
  assert.equal(run.reported, all)
})

test('five minutes of a flood write the budget and a few summaries, and no count is missing', () => {
  const run = budgeted({ perSecond: 1, burst: 100 })
  const connections = 300_000
  for (let number = 0; number < connections; number++) {
    if (number % 50 === 0) run.until(number)
    run.emit(...refused(number))
  }
  run.events.flush()
  const summaries = run.summaries()
  const own = run.reported.length - summaries.length
  assert.is(own, 3 * (100 + 299))
  // After 10, 20, 40 s, then each minute.
  assert.ok(summaries.length <= 8, `${summaries.length} summaries`)
  const sum = (of: (event: (typeof summaries)[number]) => number) =>
    summaries.reduce((n, event) => n + of(event), 0)
  const rest = connections - own / 3
  assert.is(
    sum(({ accepted }) => accepted),
    rest,
  )
  assert.is(
    sum(({ refusals }) => refusals[0]!.count),
    rest,
  )
  assert.is(
    sum(({ closes }) => closes[0]!.count),
    rest,
  )
  assert.is(
    sum(({ closes }) => closes[0]!.bytesToClient),
    7 * rest,
  )
  assert.is(
    sum(({ prefixes }) => prefixes[0]!.count),
    rest,
  )
  assert.is(sum(({ intervalMs }) => intervalMs) > 290_000, true)
})

test('an authenticated client keeps all its events, in order and unchanged, when the budget is empty', () => {
  const run = budgeted({ perSecond: 0, burst: 1 })
  run.emit(...refused(1), accepted(2), accepted(3), rejected(3))
  assert.equal(run.types().length, 3)
  run.emit(authenticated(2), { ...examples['connection.closed'], connection: id(2) })
  assert.equal(run.reported.slice(3), [
    accepted(2),
    authenticated(2),
    { ...examples['connection.closed'], connection: id(2) },
  ])
})

test('authenticated clients take nothing from the budget', () => {
  const run = budgeted({ perSecond: 0, burst: 1 })
  for (let number = 0; number < 1_000; number++) run.emit(accepted(number), authenticated(number))
  assert.is(run.reported.length, 2_000)
  run.emit(...refused(5_000))
  assert.is(run.reported.length, 2_003)
})

test('a failed dial during a claim comes after its connection.accepted', () => {
  const run = budgeted({ perSecond: 0, burst: 0 })
  const failed: ProxyEvent = { ...examples['datacenter.dial-failed'], connection: id(1) }
  run.emit(accepted(1), failed, rejected(1), closed(1))
  assert.equal(run.types(), [
    'connection.accepted',
    'datacenter.dial-failed',
    'handshake.rejected',
    'connection.closed',
  ])
})

test('a counted connection is counted to its end; one that stays open is in two summaries', () => {
  const run = budgeted({ perSecond: 1_000, burst: 0.5 })
  run.emit(accepted(1), rejected(1))
  run.events.flush()
  run.until(60_000)
  run.emit(closed(1))
  run.events.flush()
  assert.equal(
    run.summaries().map(({ accepted, closes }) => [accepted, closes.length]),
    [
      [1, 0],
      [0, 1],
    ],
  )
})

test('a limit that refuses all day writes an event every 16 s, and no count is missing', () => {
  const run = budgeted({ perSecond: 1, burst: 10 })
  const refusal = (limit: 'handshakes' | 'connections'): ProxyEvent => ({
    v: 1,
    type: 'limit.refused',
    at: run.clock.now,
    limit,
    count: 3,
    worker: 0,
  })
  const reported = (limit: string) =>
    run.reported.flatMap((event) =>
      event.type === 'limit.refused' && event.limit === limit ? [event.count] : [],
    )
  run.emit(refusal('connections'))
  run.until(50)
  assert.equal(reported('connections'), [3])
  for (let second = 1; second <= 600; second++) {
    run.emit(refusal('handshakes'))
    run.until(second * 1_000)
  }
  run.events.flush()
  assert.is(
    reported('handshakes').reduce((sum, count) => sum + count, 0),
    1_800,
  )
  assert.ok(reported('handshakes').length < 45, `${reported('handshakes').length} events`)
  assert.equal(reported('connections'), [3])
})

test('a client that leaves during its handshake is counted, too', () => {
  const run = budgeted({ perSecond: 0, burst: 0 })
  run.emit(accepted(1), closed(1, { phase: 'hello', reason: 'reset' }))
  run.events.flush()
  const [summary] = run.summaries()
  assert.is(run.reported.length, 1)
  assert.is(summary?.accepted, 1)
  assert.equal(summary?.refusals, [])
  assert.equal(summary?.closes[0]?.phase, 'hello')
})

test('whatever names a flood has, a summary stays small and its sums exact', () => {
  const run = budgeted({ perSecond: 0, burst: 0 })
  for (let number = 0; number < 20_000; number++) {
    run.emit(
      accepted(number, `10.${number >> 8}.${number & 255}.0/24`),
      rejected(number, {
        ja4: `t13d${number}`,
        user: number % 2 === 0 ? 'one' : undefined,
        reason: 'replayed',
      }),
      closed(number),
    )
  }
  run.events.flush()
  const [summary] = run.summaries()
  assert.ok(JSON.stringify(summary).length < 16_384, `${JSON.stringify(summary).length} bytes`)
  const refusals = summary!.refusals
  assert.is(
    refusals.reduce((sum, { count }) => sum + count, 0),
    20_000,
  )
  assert.is(
    refusals.filter(({ user }) => user !== undefined).reduce((sum, { count }) => sum + count, 0),
    10_000,
  )
  assert.ok(refusals.every(({ ja4 }) => ja4 !== undefined))
  // Invented fingerprints do not push out user names.
  assert.ok(refusals.every(({ user }) => user === undefined || user === 'one'))
  assert.is(summary?.prefixes.length, 16)
})

test.run()
