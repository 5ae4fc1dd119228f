import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ProxyEvent } from '../../events/contract.ts'
import { examples } from '../../events/examples.ts'
import { type OpenConnections, trackConnections } from './open-connections.ts'

const id = (number: number): string => number.toString(16).padStart(32, '0')
const of = <T extends ProxyEvent['type']>(type: T, more: object): ProxyEvent => ({
  ...examples[type],
  ...more,
})
const accepted = (number: number, worker = 0): ProxyEvent =>
  of('connection.accepted', { connection: id(number), at: 1_000, worker })

const folded = (most: number, ...events: ProxyEvent[]): OpenConnections => {
  const tracked = trackConnections(most)
  for (const event of events) tracked.fold(event)
  return tracked
}
const ends = (events: readonly ProxyEvent[]): string[] =>
  events.map((event) =>
    event.type === 'connection.closed'
      ? `${Number.parseInt(event.connection, 16)} ${event.by} ${event.phase} ${event.reason}`
      : event.type,
  )

test('each open connection of the dead thread is closed once, in the phase it had reached', () => {
  const connection = (number: number) => ({ connection: id(number) })
  const tracked = folded(
    100,
    ...[1, 2, 3, 4, 5, 6].map((number) => accepted(number)),
    accepted(7, 1),
    of('handshake.rejected', { ...connection(2), fronted: true }),
    ...[3, 4, 5, 6].map((number) => of('handshake.accepted', connection(number))),
    ...[4, 5, 6].map((number) => of('datacenter.dialed', connection(number))),
    of('connection.first-byte', { ...connection(5), direction: 'to-datacenter' }),
    of('connection.first-byte', { ...connection(5), direction: 'to-client' }),
    of('connection.closed', connection(6)),
  )
  const { events, connections } = tracked.endAll(0, 3_500)
  assert.equal(ends(events), [
    '1 proxy hello internal',
    '2 proxy fronting internal',
    '3 proxy dial internal',
    '4 proxy waiting internal',
    '5 proxy relaying internal',
  ])
  assert.is(connections, 5)
  assert.ok(events.every((event) => event.type === 'connection.closed' && event.durationMs === 2_500))
  assert.equal(tracked.endAll(0, 4_000), { events: [], connections: 0 })
  assert.equal(ends(tracked.endAll(1, 4_000).events), ['7 proxy hello internal'])
})

test('the close has the session and the bytes that were reported', () => {
  const { mode, user, dc, media } = examples['handshake.accepted']
  const progress = { connection: id(1), bytesToClient: 10, bytesToDatacenter: 3 }
  const tracked = folded(
    9,
    accepted(1),
    of('handshake.accepted', { connection: id(1) }),
    of('connection.progress', progress),
    of('connection.progress', progress),
  )
  const [closed] = tracked.endAll(0, 1_000).events
  const {
    mode: m,
    user: u,
    dc: d,
    media: n,
    ...rest
  } = closed as Extract<ProxyEvent, { type: 'connection.closed' }>
  assert.equal([m, u, d, n], [mode, user, dc, media])
  assert.equal([rest.bytesToClient, rest.bytesToDatacenter, rest.untoldToClient], [20, 6, 0])
})

test('connections without events of their own are closed by their number', () => {
  const summary = (accepted: number, closed: number) =>
    of('connections.summarised', {
      worker: 0,
      accepted,
      closes: [{ ...examples['connections.summarised'].closes[0], count: closed }],
    })
  const tracked = folded(9, summary(10, 4), summary(0, 1))
  const { events, connections } = tracked.endAll(0, 1_000)
  assert.is(connections, 5)
  const [closing] = events
  assert.ok(closing?.type === 'connections.summarised')
  assert.equal(
    closing.closes.map(({ by, phase, reason, count }) => [by, phase, reason, count]),
    [['proxy', 'fronting', 'internal', 5]],
  )
  assert.is(tracked.endAll(0, 1_000).connections, 0)
})

test('lost closes fill no more memory than MAX_CONNECTIONS', () => {
  const tracked = folded(3, ...Array.from({ length: 10 }, (_, number) => accepted(number + 1)))
  assert.equal(
    ends(tracked.endAll(0, 0).events).map((end) => end.split(' ')[0]),
    ['8', '9', '10'],
  )
})

test.run()
