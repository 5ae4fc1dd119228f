import { hash } from 'node:crypto'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ConnectionEvent, ProxyEvent, Session } from '../events/contract.ts'
import { byRatio, samplerOf } from './sampler.ts'
import { foldSpans, type Span } from './spans.ts'

const connection = '0af7651916cd43dd8448eb211c80319c'
const session: Session = { mode: 'tls', user: 'alice', dc: 2, media: false }
const own = { v: 1, connection } as const

const accepted: ProxyEvent = {
  ...own,
  type: 'connection.accepted',
  at: 1_000,
  prefix: '203.0.113.0/24',
  client: '00112233445566aa',
  family: 'ipv4',
  worker: 1,
}
const authenticated: ProxyEvent = {
  ...own,
  ...session,
  type: 'handshake.accepted',
  at: 1_040,
  transport: 'padded-intermediate',
  elapsedMs: 40,
  digest: '',
  client: '',
}
const address = '149.154.167.51:443'
const dialFailed: ProxyEvent = {
  ...own,
  type: 'datacenter.dial-failed',
  at: 1_060,
  dc: 2,
  media: false,
  address: '[2001:67c:4e8:f002::a]:443',
  family: 'ipv6',
  error: 'unreachable',
  elapsedMs: 15,
}
const dialed: ProxyEvent = {
  ...own,
  ...session,
  type: 'datacenter.dialed',
  at: 1_100,
  address,
  family: 'ipv4',
  pooled: false,
  elapsedMs: 55,
}
const up: ProxyEvent = {
  ...own,
  ...session,
  type: 'connection.first-byte',
  at: 1_200,
  direction: 'to-datacenter',
  sinceAcceptedMs: 200,
}
const down = (waitedMs: number): ProxyEvent => ({
  ...own,
  ...session,
  type: 'connection.first-byte',
  at: 1_200 + waitedMs,
  direction: 'to-client',
  sinceAcceptedMs: 200 + waitedMs,
  sinceRequestMs: waitedMs,
})
type Closed = Extract<ConnectionEvent, { type: 'connection.closed' }>
const closed = (more: Partial<Closed> = {}): ProxyEvent => ({
  ...own,
  ...session,
  type: 'connection.closed',
  at: 9_000,
  by: 'client',
  phase: 'relaying',
  reason: 'done',
  bytesToClient: 500,
  bytesToDatacenter: 100,
  untoldToClient: 0,
  untoldToDatacenter: 0,
  durationMs: 8_000,
  ...more,
})

const folding = (sampled: boolean, capacity?: number) => {
  const spans: Span[] = []
  const one = foldSpans(
    () => sampled,
    (span) => spans.push(span),
    capacity,
  )
  const fold = (...events: readonly ProxyEvent[]): readonly Span[] => {
    for (const event of events) one(event)
    return spans
  }
  return { fold, spans }
}

const shape = ({ name, start, end, error }: Span) => [
  name,
  start,
  end,
  ...(error === undefined ? [] : [error]),
]

test('a connection becomes a root with one child per phase, which is exported when the phase ends', () => {
  const { fold } = folding(true)
  assert.equal(fold(accepted, authenticated).map(shape), [['handshake', 1_000, 1_040]])
  assert.equal(fold(dialed, up, down(80), closed()).map(shape), [
    ['handshake', 1_000, 1_040],
    ['dial', 1_045, 1_100],
    ['waiting', 1_200, 1_280],
    ['relaying', 1_280, 9_000],
    ['connection', 1_000, 9_000],
  ])
})

test('setting the clock during a connection makes no span longer, and none slow', () => {
  const whole = folding(true).fold(accepted, authenticated, dialed, up, down(80), closed()).map(shape)
  for (const step of [3 * 3_600_000, -7_200_000]) {
    const later = (event: ProxyEvent): ProxyEvent => ({ ...event, at: event.at + step })
    const allLater = folding(true).fold(
      accepted,
      ...[authenticated, dialed, up, down(80), closed()].map(later),
    )
    assert.equal(allLater.map(shape), whole)
    const again = folding(true).fold(accepted, later(authenticated), later(dialed), up, down(80), closed())
    assert.equal(again.map(shape), whole)
    assert.equal(folding(false).fold(accepted, later(authenticated), later(dialed), later(closed())), [])
  }
})

test('ids come from the connection, and the root is the parent of every child', () => {
  const spans = folding(true).fold(accepted, authenticated, dialed, up, down(80), closed())
  const root = spans.at(-1)!
  assert.equal([root.traceId, root.spanId, root.parentId], [connection, connection.slice(16), undefined])
  for (const child of spans.slice(0, -1))
    assert.equal([child.traceId, child.parentId], [connection, root.spanId])
  assert.is(new Set(spans.map(({ spanId }) => spanId)).size, spans.length)
  for (const { spanId } of spans) assert.match(spanId, /^[0-9a-f]{16}$/)
})

test('a dial is a client span to the datacenter’s address, and so is a failed dial before it', () => {
  const spans = folding(true).fold(accepted, authenticated, dialFailed, dialed)
  const [, failed, done] = spans
  assert.equal(shape(failed!), ['dial', 1_045, 1_060, 'unreachable'])
  assert.is(failed!.attributes['network.peer.address'], '2001:67c:4e8:f002::a')
  assert.is(failed!.attributes['network.type'], 'ipv6')
  assert.equal(done!.attributes, {
    'network.peer.address': '149.154.167.51',
    'network.peer.port': 443,
    'network.type': 'ipv4',
    'mtscope.dial.pooled': false,
  })
  assert.equal([failed!.kind, done!.kind, spans[0]!.kind], ['client', 'client', 'internal'])
})

test('a drop is an error of the phase it happened in and of the connection', () => {
  const drop = closed({ by: 'datacenter', phase: 'waiting', reason: 'reset' })
  assert.equal(folding(true).fold(accepted, authenticated, dialed, up, drop).slice(2).map(shape), [
    ['waiting', 1_200, 9_000, 'reset'],
    ['connection', 1_000, 9_000, 'reset'],
  ])
})

test('an idle pre-opened connection that its client closes is not an error', () => {
  const idle = closed({ phase: 'waiting', reason: 'done' })
  assert.ok(
    folding(true)
      .fold(accepted, authenticated, dialed, idle)
      .every(({ error }) => error === undefined),
  )
})

test('an unauthenticated client becomes a failed handshake and a fronting span', () => {
  const rejected: ProxyEvent = {
    ...own,
    type: 'handshake.rejected',
    at: 1_010,
    reason: 'bad-digest',
    elapsedMs: 10,
    fronted: true,
    client: '',
    ja4: 't13d1516h2_8daaf6152771_02713d6af862',
  }
  const events = [accepted, rejected, closed({ phase: 'fronting', reason: 'bad-digest' })]
  const spans = folding(true).fold(...events)
  // Outside the sample it is not exported: clients can cause any number of them.
  assert.equal(folding(false).fold(...events), [])
  assert.equal(spans.map(shape), [
    ['handshake', 1_000, 1_010, 'bad-digest'],
    ['fronting', 1_010, 9_000],
    ['connection', 1_000, 9_000],
  ])
  assert.is(spans[0]!.attributes['tls.client.ja4'], 't13d1516h2_8daaf6152771_02713d6af862')
})

test('a trace outside the sample is exported from its beginning once it fails, drops or is slow', () => {
  const names = (...events: ProxyEvent[]) =>
    folding(false)
      .fold(...events)
      .map(({ name }) => name)
  assert.equal(names(accepted, authenticated, dialed, up, down(80), closed()), [])
  assert.equal(names(accepted, authenticated, dialed, up, down(2_000), closed()), [])
  assert.equal(names(accepted, authenticated, dialed, up, down(2_001)), ['handshake', 'dial', 'waiting'])
  assert.equal(names(accepted, authenticated, dialFailed), ['handshake', 'dial'])
  const reset = closed({ reason: 'reset' })
  assert.equal(names(accepted, authenticated, dialed, up, down(80), reset), [
    'handshake',
    'dial',
    'waiting',
    'relaying',
    'connection',
  ])
})

test('no attribute holds an address of the client or a value that identifies it', () => {
  const spans = folding(true).fold(accepted, authenticated, dialed, up, down(80), closed())
  const values = spans.flatMap(({ attributes }) => Object.values(attributes))
  assert.not(values.includes('00112233445566aa'))
  assert.not(spans.some(({ attributes }) => 'client.address' in attributes))
})

test('beyond the capacity the oldest open trace is discarded', () => {
  const { fold, spans } = folding(true, 2)
  const at = (digit: string, event: ProxyEvent): ProxyEvent =>
    ({ ...event, connection: digit.repeat(32) }) as ProxyEvent
  fold(
    ...['a', 'b', 'c'].map((digit) => at(digit, accepted)),
    ...['a', 'b', 'c'].map((digit) => at(digit, closed())),
  )
  assert.equal(
    spans.filter(({ name }) => name === 'connection').map(({ traceId }) => traceId[0]),
    ['b', 'c'],
  )
})

test('events in any order make spans with correct ids and no trace twice', () => {
  const events = [accepted, authenticated, dialFailed, dialed, up, down(80), down(5_000), closed()]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events), { maxLength: 30 }), fc.boolean(), (events, sampled) => {
      const spans = folding(sampled).fold(...events)
      for (const { traceId, parentId, name } of spans) {
        assert.is(traceId, connection)
        assert.is(parentId, name === 'connection' ? undefined : connection.slice(16))
      }
      const closes = events.filter(({ type }) => type === 'connection.closed').length
      assert.ok(spans.filter(({ name }) => name === 'connection').length <= closes)
    }),
  )
})

test('a ratio keeps that share of trace ids, and a greater ratio keeps the same ids and more', () => {
  const ids = Array.from({ length: 20_000 }, (_, i) => hash('md5', String(i)))
  const kept = (ratio: number) => new Set(ids.filter(byRatio(ratio)))
  const [none, tenth, half, every] = [0, 0.1, 0.5, 1].map(kept) as [
    Set<string>,
    Set<string>,
    Set<string>,
    Set<string>,
  ]
  assert.is(none.size, 0)
  assert.is(every.size, new Set(ids).size)
  assert.ok(Math.abs(half.size / every.size - 0.5) < 0.02, `${half.size}`)
  assert.ok([...tenth].every((id) => half.has(id)))
})

test('the sampler follows OTEL_TRACES_SAMPLER, and an unknown value keeps every trace', () => {
  const kept = (OTEL_TRACES_SAMPLER: string, OTEL_TRACES_SAMPLER_ARG?: string) =>
    samplerOf({ OTEL_TRACES_SAMPLER, ...(OTEL_TRACES_SAMPLER_ARG ? { OTEL_TRACES_SAMPLER_ARG } : {}) })(
      connection,
    )
  assert.is(kept('always_off'), false)
  assert.is(kept('parentbased_always_off'), false)
  assert.is(kept('traceidratio', '0'), false)
  assert.is(kept('parentbased_traceidratio', '1'), true)
  assert.is(kept('traceidratio', '7'), true)
  assert.is(kept('nonsense'), true)
  assert.is(samplerOf({})(connection), true)
})

test.run()
