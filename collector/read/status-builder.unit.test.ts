import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  emitter,
  folded,
  noon,
  probe,
  rejected,
  sampled,
  session,
} from '../../compose/test/kit/examples/example-events.ts'
import type { ProxyEvent } from '../../proxy/events/contract.ts'
import { createMemoryState, type State } from '../fold/state.ts'
import type { AlertStatus, Status } from './status.ts'
import { buildStatus } from './status-builder.ts'

type Closed = Extract<ProxyEvent, { type: 'connection.closed' }>
const minute = 60_000
const status = (state: State, now = noon + 1000, alerts: readonly AlertStatus[] = []): Status =>
  buildStatus(state, { version: '1', alerts, lagMs: 3, now })

const opened = (of: Parameters<typeof session>[0]): ProxyEvent[] => session(of).slice(0, 3)

test('traffic is counted for all time, this month and this day (UTC), and for each user', () => {
  const state = createMemoryState()
  const emit = emitter(state)
  emit(...session({ at: noon, toClient: 1, toDatacenter: 10 }))
  emit(...session({ at: noon - 24 * 60 * minute, toClient: 2, toDatacenter: 20, user: 'bob/7' }))
  emit(...session({ at: noon - 40 * 24 * 60 * minute, toClient: 4, toDatacenter: 40 }))
  const { totals, users } = status(state)
  assert.equal(totals, {
    connections: 3,
    bytesToClient: 7,
    bytesToDatacenter: 70,
    today: { connections: 1, bytesToClient: 1, bytesToDatacenter: 10 },
    month: { connections: 2, bytesToClient: 3, bytesToDatacenter: 30 },
    since: noon - 40 * 24 * 60 * minute,
  })
  assert.equal(
    users.map(({ user, total, today, lastSeenAt }) => [
      user,
      total.bytesToClient,
      today.bytesToClient,
      lastSeenAt,
    ]),
    [
      ['ann', 5, 1, noon],
      ['bob/7', 2, 0, noon - 24 * 60 * minute],
    ],
  )
})

test('bytes of progress and the remaining bytes of the close add up; fronted bytes are not traffic', () => {
  const [accepted, authenticated, dialed, closed] = session({ toClient: 5, toDatacenter: 1 })
  const { connection } = accepted as { connection: string }
  const of = { connection, mode: 'tls', user: 'ann', dc: 2, media: false } as const
  const progress = { v: 1, type: 'connection.progress', at: noon, ...of } as const
  const state = folded(
    accepted!,
    authenticated!,
    dialed!,
    { ...progress, bytesToClient: 100, bytesToDatacenter: 10 },
    { ...progress, bytesToClient: 50, bytesToDatacenter: 0 },
    closed!,
    accepted!,
    {
      v: 1,
      type: 'connection.closed',
      at: noon,
      connection,
      by: 'client',
      phase: 'fronting',
      reason: 'done',
      bytesToClient: 9999,
      bytesToDatacenter: 9999,
      untoldToClient: 9999,
      untoldToDatacenter: 9999,
      durationMs: 5,
    },
  )
  emitter(state, 'n2')(accepted!, { ...(closed as Closed), phase: 'fronting' })
  const { totals, open } = status(state)
  assert.is(totals.bytesToClient, 155)
  assert.is(totals.bytesToDatacenter, 11)
  assert.is(open.total, 0)
})

test('open connections are counted by mode, datacenter and user', () => {
  const state = folded(
    ...opened({ mode: 'tls', dc: 2, user: 'ann' }),
    ...opened({ mode: 'secure', dc: 2, media: true, user: 'ann' }),
    ...opened({ mode: 'secure', dc: -4, media: true, user: 'bob' }),
    ...session({}),
    session()[0]!,
  )
  const { open, users, datacenters } = status(state)
  assert.equal(open, { total: 4, byMode: { tls: 1, secure: 2 }, byDc: { 2: 2, 4: 1 } })
  assert.equal(
    users.map((user) => [user.user, user.open]),
    [
      ['ann', 2],
      ['bob', 1],
    ],
  )
  assert.equal(
    datacenters.map((row) => [row.dc, row.media, row.open]),
    [
      [2, false, 1],
      [2, true, 1],
      [4, true, 1],
    ],
  )
})

test('connections of a boot that died are gone with the first event of the next boot', () => {
  const state = createMemoryState()
  emitter(state, 'n1', 'b1')(...opened({ at: noon - 5000 }), ...opened({ at: noon - 5000 }))
  emitter(state, 'n2', 'x')(...opened({ at: noon - 5000 }))
  assert.is(status(state).open.total, 3)
  const again = emitter(state, 'n1', 'b2')
  again({ v: 1, type: 'process.started', at: noon - 100, version: '1', settings: {} })
  assert.is(status(state).open.total, 1)
  again(...opened({ at: noon }))
  assert.equal(status(state).open, { total: 2, byMode: { tls: 2 }, byDc: { 2: 2 } })
})

test('connections of a node that fell silent or stopped are no longer open', () => {
  const state = folded(...opened({ at: noon }))
  assert.is(status(state, noon + minute).open.total, 1)
  assert.is(status(state, noon + minute + 1).open.total, 0)
  emitter(state, 'n1', 'b9')({ v: 1, type: 'process.stopped', at: noon + 1, reason: 'SIGTERM' })
  assert.is(status(state).open.total, 0)
})

test('after lost events the node’s own count is used', () => {
  const state = folded(
    ...opened({}),
    { v: 1, type: 'events.lost', at: noon, reason: 'worker-queue', count: 6 },
    sampled(noon, { openConnections: 42 }),
  )
  assert.is(status(state).open.total, 42)
  assert.equal(status(state).events, { folded: 5, lost: { 'worker-queue': 6 }, lagMs: 3 })
})

test('closes are drops only in dial, waiting and relaying, and only if not orderly', () => {
  const state = folded(
    ...session({ phase: 'relaying', reason: 'reset' }),
    ...session({ phase: 'dial', reason: 'refused', by: 'proxy' }),
    ...session({ phase: 'waiting', reason: 'idle', by: 'proxy' }),
    ...session({ phase: 'relaying', reason: 'done' }),
    ...session({ phase: 'relaying', reason: 'done', dc: 4, mode: 'secure' }),
    ...session({ phase: 'hello', reason: 'timeout', by: 'proxy' }),
    ...session({ at: noon - 2 * 60 * minute, phase: 'relaying', reason: 'reset' }),
  )
  const closes = status(state).closes.map(
    ({ by, phase, reason, total, lastHour, drop }) => `${by} ${phase} ${reason} ${total} ${lastHour} ${drop}`,
  )
  assert.equal(closes.sort(), [
    'client relaying done 2 2 false',
    'client relaying reset 2 1 true',
    'proxy dial refused 1 1 true',
    'proxy hello timeout 1 1 false',
    'proxy waiting idle 1 1 false',
  ])
})

test('rejections, replays, fronting and limits are counted by reason', () => {
  const state = folded(
    rejected(noon, 'replayed'),
    rejected(noon, 'replayed'),
    rejected(noon - 2 * 60 * minute, 'bad-digest'),
    { v: 1, type: 'limit.refused', at: noon, limit: 'handshakes', count: 5, worker: 1 },
  )
  const { rejections, replaysRefused, fronted, limits } = status(state)
  assert.equal(rejections, [
    { reason: 'replayed', total: 2, lastHour: 2 },
    { reason: 'bad-digest', total: 1, lastHour: 0 },
  ])
  assert.equal([replaysRefused, fronted, limits], [2, 3, { handshakes: 5 }])
})

test('a datacenter is up, down after two lost probes, and unknown where its family does not work', () => {
  const rows = (...events: ProxyEvent[]) =>
    status(folded(...events)).datacenters.map(
      (row) => `${row.dc} ${row.family} ${row.state} ${row.resPqMs} ${row.error}`,
    )
  const v6 = probe(noon, 'timeout', 2, 'ipv6')
  assert.equal(rows(probe(noon, 40), v6), [
    '2 ipv4 up 40 null',
    '2 ipv6 unknown null ipv6 does not work from this host',
  ])
  const lost = [probe(noon - 20_000, 'timeout'), probe(noon, 'timeout')]
  assert.equal(rows(probe(noon - 30_000, 40), lost[0]!), ['2 ipv4 up null timeout'])
  assert.equal(rows(probe(noon - 30_000, 40), ...lost), ['2 ipv4 down null timeout'])
  assert.equal(rows(probe(noon, 'timeout', 5), probe(noon, 40)), [
    '2 ipv4 up 40 null',
    '5 ipv4 down null timeout',
  ])
})

test('a datacenter with an alert for being slow is slow', () => {
  const alert = {
    rule: 'datacenter-slow',
    subject: 'dc 2 ipv4',
    summary: '',
    value: 1,
    baseline: 0,
    since: noon,
  }
  const state = folded(probe(noon, 900))
  assert.is(
    status(state, noon, [{ ...alert, severity: 'warning', clearedAt: null }]).datacenters[0]?.state,
    'slow',
  )
  assert.is(
    status(state, noon, [{ ...alert, severity: 'warning', clearedAt: noon }]).datacenters[0]?.state,
    'up',
  )
})

test('the series is one hour in ticks: null before the first node, 0 where nothing happened', () => {
  const state = createMemoryState()
  const emit = emitter(state)
  for (let at = noon - 10 * minute; at <= noon; at += 10_000) emit(sampled(at, { openConnections: 3 }))
  emit(...session({ at: noon - 5 * minute, toClient: 1000 }))
  const { series } = status(state, noon + 1)
  assert.is(series.stepMs, 10_000)
  const { stepMs, ...columns } = series
  for (const column of Object.values(columns)) assert.is(column.length, 360)
  const at = (time: number) => series.at.indexOf(time)
  assert.is(series.accepted[at(noon - 11 * minute)], null)
  assert.is(series.accepted[at(noon - 9 * minute)], 0)
  assert.is(series.accepted[at(noon - 5 * minute)], 0.1)
  assert.is(series.toClient[at(noon - 5 * minute)], 100)
  assert.is(series.open[at(noon - minute)], 3)
  assert.is(series.processCpu[at(noon - minute)], 0.2)
  assert.is(series.hostCpu[at(noon - minute)], 0.3)
  assert.is(series.loopP99Ms[at(noon - minute)], 5)
  assert.is(series.rssBytes[at(noon - minute)], 100e6)
  assert.is(series.dialP50[at(noon - minute)], null)
  assert.ok(series.dialP50[at(noon - 5 * minute)]! > 20)
})

test('a gauge bridges one late sample, but not silence', () => {
  const state = createMemoryState()
  const emit = emitter(state)
  emit(sampled(noon - 60_000))
  emit(sampled(noon - 40_000))
  const { series } = status(state, noon + 10_000)
  assert.equal(series.open.slice(-8), [null, 7, 7, 7, 7, 7, null, null])
})

test('connections and memory of two nodes are summed, their CPU is a mean', () => {
  const state = createMemoryState()
  emitter(state, 'a')(sampled(noon - 10_000, { openConnections: 10, hostCpu: 0.2, delayP99Ms: 9 }))
  emitter(state, 'b')(sampled(noon - 10_000, { openConnections: 30, hostCpu: 0.4 }))
  const { series, nodes } = status(state, noon)
  assert.equal([series.open.at(-1), series.loopP99Ms.at(-1)], [40, 9])
  assert.ok(Math.abs(series.hostCpu.at(-1)! - 0.3) < 1e-9)
  assert.equal(
    nodes.map(({ node, processCpu, openFds }) => [node, processCpu, openFds]),
    [
      ['a', 0.2, 100],
      ['b', 0.2, 100],
    ],
  )
})

test('latency covers the last hour, and is null without measurements', () => {
  const { latency } = status(
    folded(...session({ at: noon - 59 * minute }), ...session({ at: noon - 62 * minute })),
  )
  assert.is(latency.handshake.count, 1)
  assert.ok(latency.handshake.p99! > 30 && latency.handshake.p99! <= 40)
  assert.equal(latency.firstByte, { count: 0, p50: null, p95: null, p99: null })
})

test('round trips to clients come from progress and closes, where the kernel measured them', () => {
  const [accepted, ...rest] = session({ at: noon - minute })
  const measured = rest.map((event) =>
    event.type === 'connection.closed' ? { ...event, clientRttMs: 180 } : event,
  )
  const { latency } = status(folded(accepted!, ...measured, ...session({ at: noon - minute })))
  assert.is(latency.client.count, 1)
  assert.ok(latency.client.p50! > 150 && latency.client.p50! <= 200)
})

test('an empty state gives a status', () => {
  const empty = status(createMemoryState())
  assert.equal([empty.nodes, empty.users, empty.datacenters, empty.closes], [[], [], [], []])
  assert.is(empty.totals.since, noon + 1000)
  assert.ok(empty.series.accepted.every((value) => value === null))
})

test.run()
