import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { noon, session } from '../../compose/test/kit/examples/example-events.ts'
import type { ProxyEvent, RejectReason } from '../../proxy/events/contract.ts'
import { eventBudget } from '../../proxy/relay/threads/event-budget.ts'
import { fold } from './fold.ts'
import { processKeys } from './projections/processes.ts'
import { dayMs, minuteMs, tickMs } from './retention.ts'
import { createMemoryState, type State } from './state.ts'

const reasons: readonly RejectReason[] = ['bad-digest', 'clock-skew', 'replayed', 'not-mtproto', 'timeout']
const ja4 = fc.constantFrom('t13d1516h2_8daaf6152771_e5627efa2ab1', 't12d1516h2_8daaf6152771_e5627efa2ab1')

/** One connection from accept to close: authenticated, closed before its handshake, or refused. */
const connection = fc.record({
  kind: fc.constantFrom('client', 'leaves', 'refused'),
  reason: fc.constantFrom(...reasons),
  fronted: fc.boolean(),
  ja4: fc.option(ja4, { nil: undefined }),
  user: fc.option(fc.constantFrom('ann', 'bob'), { nil: undefined }),
  skewSeconds: fc.integer({ min: -100_000, max: 100_000 }),
  client: fc.nat({ max: 0xffff }).map((n) => n.toString(16).padStart(4, '0').padEnd(16, 'a')),
  bytes: fc.nat({ max: 1_000 }),
})
type Connection = typeof connection extends fc.Arbitrary<infer T> ? T : never

const eventsOf = (of: Connection, number: number): ProxyEvent[] => {
  const id = number.toString(16).padStart(32, '0')
  const at = noon
  const whole = session({ at, toClient: of.bytes }).map(
    (event) => ({ ...event, connection: id }) as ProxyEvent,
  )
  if (of.kind === 'client') return whole
  const { client, reason, fronted, bytes } = of
  const accepted = { ...whole[0]!, client } as ProxyEvent
  const rejected: ProxyEvent = {
    v: 1,
    type: 'handshake.rejected',
    at,
    connection: id,
    reason,
    elapsedMs: 1,
    fronted,
    client,
    ...(of.ja4 === undefined ? {} : { ja4: of.ja4 }),
    ...(of.user === undefined ? {} : { user: of.user }),
    ...(reason === 'clock-skew' ? { skewSeconds: of.skewSeconds } : {}),
  }
  const refused = of.kind === 'refused'
  const closed: ProxyEvent = {
    v: 1,
    type: 'connection.closed',
    at,
    connection: id,
    by: 'client',
    phase: refused ? 'fronting' : 'hello',
    reason: refused ? reason : 'reset',
    bytesToClient: bytes,
    bytesToDatacenter: bytes,
    untoldToClient: bytes,
    untoldToDatacenter: bytes,
    durationMs: 1,
  }
  return refused ? [accepted, rejected, closed] : [accepted, closed]
}

/** The events of all connections in one order, each connection's in its own. */
const interleaved = (connections: readonly ProxyEvent[][], order: readonly number[]): ProxyEvent[] => {
  const left = connections.map((events) => [...events])
  const result: ProxyEvent[] = []
  for (let i = 0; left.some((events) => events.length > 0); i++) {
    const some = left.filter((events) => events.length > 0)
    result.push(some[(order[i % order.length] ?? 0) % some.length]!.shift()!)
  }
  return result
}

/** All counts except the number of events. */
const totals = (state: State) => {
  const all = {
    ever: state.bucket('ever', 0),
    live: state.bucket('boot', 'n/b'),
    day: state.bucket('day', Math.floor(noon / dayMs)),
    minute: state.bucket('minute', Math.floor(noon / minuteMs)),
    tick: state.bucket('tick', Math.floor(noon / tickMs)),
  }
  return Object.entries(all).map(([span, counts]) => [
    span,
    [...counts].filter(([key, n]) => key !== processKeys.events && n !== 0).sort(),
  ])
}

const folded = (events: readonly ProxyEvent[]): State => {
  const state = createMemoryState()
  fold(state, { node: 'n', boot: 'b', seq: 1, events })
  return state
}

test('for any history and any budget, the totals are those without a budget', () => {
  fc.assert(
    fc.property(
      fc.array(connection, { maxLength: 120 }),
      fc.array(fc.nat(1000), { minLength: 1, maxLength: 40 }),
      fc.nat({ max: 20 }),
      fc.nat({ max: 20 }),
      (connections, order, perSecond, burst) => {
        const history = interleaved(connections.map(eventsOf), order)
        const budgeted: ProxyEvent[] = []
        const events = eventBudget(
          { perSecond, burst },
          0,
          () => noon,
          (event) => budgeted.push(event),
        )
        for (const [i, event] of history.entries()) {
          events.pulse(i * 500)
          events.emit(event)
        }
        events.flush()
        assert.equal(totals(folded(budgeted)), totals(folded(history)))
      },
    ),
    { numRuns: 300 },
  )
})

test.run()
