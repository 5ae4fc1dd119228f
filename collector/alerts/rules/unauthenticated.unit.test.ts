import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rejected, session } from '../../../compose/test/kit/examples/example-events.ts'
import { watched } from '../../../compose/test/kit/examples/watched-node.ts'
import type { Limit, ProxyEvent } from '../../../proxy/events/contract.ts'

const clients = ['0001ffff', '0102ffff', '0203ffff', '0304ffff', '0405ffff']
const many =
  (n: number, reason: Parameters<typeof rejected>[1], more: Parameters<typeof rejected>[2] = {}) =>
  (at: number) =>
    Array.from({ length: n }, (_, i) =>
      rejected(at, reason, { client: clients[(i + at / 10_000) % clients.length]!, ...more }),
    )

test('refused handshakes far above the usual are a storm, which names the reason and clears', () => {
  const host = watched()
  host.pass(40, many(2, 'bad-digest'))
  assert.equal(host.reported('rejection-storm'), [])
  host.pass(5, many(30, 'unknown-user'))
  assert.equal(host.reported('rejection-storm'), ['+all nodes'])
  assert.match(host.last('rejection-storm')!.summary, /mostly unknown-user/)
  host.pass(10, many(2, 'bad-digest'))
  assert.equal(host.reported('rejection-storm'), ['+all nodes', '-all nodes'])
})

test('a host that is always scanned is not in a storm', () => {
  const host = watched()
  host.pass(40, many(10, 'bad-digest'))
  const before = host.reported('rejection-storm').length
  host.pass(60, many(12, 'bad-digest'))
  assert.equal(
    host
      .reported('rejection-storm')
      .slice(before)
      .filter((reported) => reported[0] === '+'),
    [],
  )
})

test('ten replays in ten minutes raise, with about how many addresses, and clear when they stop', () => {
  const host = watched()
  host.pass(1, many(1, 'replayed'))
  assert.equal(host.reported('replays'), [])
  host.pass(1, many(1, 'replayed'))
  assert.equal(host.reported('replays'), ['+all nodes'])
  host.pass(5)
  assert.is(host.reported('replays').length, 1)
  host.pass(7)
  assert.equal(host.reported('replays'), ['+all nodes', '-all nodes'])
})

test('three hellos that a user signed and that were refused raise, with user, reason and what to do', () => {
  const host = watched()
  const refused = (n: number) => many(n, 'unknown-sni', { skewSeconds: 1, user: 'ann' })
  host.pass(1, refused(1))
  assert.equal(host.reported('signed-refused'), ['+all nodes'])
  assert.match(host.last('signed-refused')!.summary, /mostly of ann for unknown-sni.*send them the new link/)
  host.pass(11)
  assert.equal(host.reported('signed-refused'), ['+all nodes', '-all nodes'])
})

test('unsigned hellos, replays, wrong clocks and silence do not count as refused signed hellos', () => {
  const host = watched()
  for (const reason of ['replayed', 'clock-skew', 'unclaimed', 'timeout'] as const)
    host.pass(1, many(2, reason, { skewSeconds: 1, user: 'ann' }))
  host.pass(1, many(2, 'malformed-hello'))
  host.pass(1, many(2, 'mode-off', { user: 'ann' }))
  assert.equal(host.reported('signed-refused'), [])
})

const signed = (at: number) =>
  session({ at }).map((event) => (event.type === 'handshake.accepted' ? { ...event, skewSeconds: 1 } : event))

test('with many clients ahead and few that agree, our clock is behind', () => {
  const host = watched()
  host.pass(3, many(2, 'clock-skew', { skewSeconds: 300 }))
  assert.equal(host.reported('clock-skew'), ['+clients ahead'])
  const { value, summary } = host.last('clock-skew')!
  assert.is(value, 300)
  assert.match(summary, /clocks are about 300 s ahead.*This host’s clock is probably 300 s behind/)
  host.pass(15, signed)
  assert.equal(host.reported('clock-skew'), ['+clients ahead', '-clients ahead'])
})

test('with some clients behind while most agree, the clocks of the clients are wrong', () => {
  const host = watched()
  host.pass(3, (at) => [
    ...many(2, 'clock-skew', { skewSeconds: -500 })(at),
    ...Array.from({ length: 9 }, () => signed(at)).flat(),
  ])
  assert.equal(host.reported('clock-skew'), ['+clients behind'])
  assert.match(host.last('clock-skew')!.summary, /their clocks are probably wrong/)
})

test('one client with a wrong clock raises nothing, however often it tries', () => {
  const host = watched()
  host.pass(10, many(5, 'clock-skew', { skewSeconds: 86_400 * 900, client: '0001ffff' }))
  assert.equal(host.reported('clock-skew'), [])
})

const turnedAway =
  (count: number, limit: Limit = 'connections') =>
  (at: number): ProxyEvent[] => [{ v: 1, type: 'limit.refused', at, limit, count, worker: 0 }]

test('a limit that goes on refusing many raises within two minutes and clears five minutes later', () => {
  const host = watched()
  host.pass(2, turnedAway(3))
  assert.equal(host.reported('limit-reached'), ['+connections'])
  host.pass(3)
  assert.is(host.reported('limit-reached').length, 1)
  host.pass(4)
  assert.equal(host.reported('limit-reached'), ['+connections', '-connections'])
})

test('a few refused connections, a burst that is over, and one in fifty of a busy hour raise nothing', () => {
  const few = watched()
  few.pass(20, (at) => (at % 60_000 === 0 ? turnedAway(4)(at) : []))
  const burst = watched()
  burst.emit(...turnedAway(500)(burst.now))
  burst.pass(20)
  const busy = watched()
  busy.pass(10, (at) => [...turnedAway(2)(at), ...Array.from({ length: 100 }, () => session({ at })[0]!)])
  for (const host of [few, burst, busy]) assert.equal(host.reported('limit-reached'), [])
})

for (const limit of ['strangers', 'middle-proxy-queue'] as const)
  test(`the limit ${limit} raises nothing, however often it is reached`, () => {
    const host = watched()
    host.pass(20, turnedAway(500, limit))
    assert.equal(host.reported('limit-reached'), [])
    host.pass(4, (at) => [...turnedAway(500, limit)(at), ...turnedAway(3)(at)])
    assert.equal(host.reported('limit-reached'), ['+connections'])
  })

test.run()
