import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientHello } from '../../../compose/test/kit/client/client-hello.ts'
import { initiate } from '../../../compose/test/kit/client/obfuscation.ts'
import { wrapper } from '../../../compose/test/kit/client/tls-client.ts'
import type { HandLink } from '../../../compose/test/kit/relay/hand-driven.ts'
import { domain, nothing, relaying, secret } from '../../../compose/test/kit/relay/hand-relay.ts'

// The clocks of a handshake, and the client that leaves when places run out.

const opening = (): Buffer => initiate('padded-intermediate', 2, secret).bytes
const hello = (): Buffer => clientHello({ secret, domain }).bytes
const rejections = ({ events }: ReturnType<typeof relaying>): string[] =>
  events.flatMap((event) => (event.type === 'handshake.rejected' ? [event.reason] : []))
const accepted = ({ events }: ReturnType<typeof relaying>): number =>
  events.filter(({ type }) => type === 'handshake.accepted').length
/** Advances time in the steps of an engine. */
const wait = (proxy: ReturnType<typeof relaying>, from: number, to: number): void => {
  for (let ms = from; ms <= to; ms += 50) proxy.at(ms)
}

test('a client that is silent for 5 s and for 59 s before its header is served', () => {
  for (const silentMs of [5_000, 59_000]) {
    const proxy = relaying()
    const client = proxy.arrives()
    wait(proxy, 0, silentMs)
    client.sends(opening())
    assert.is(accepted(proxy), 1)
  }
})

test('a client that is silent for 20 s after ServerHello is served, also when it then sends in pieces', () => {
  for (const pieces of [1, 3]) {
    const proxy = relaying()
    const client = proxy.arrives()
    client.sends(hello())
    wait(proxy, 0, 20_000)
    const header = wrapper(16_384)(opening())
    const size = Math.ceil(header.length / pieces)
    for (let i = 0; i < pieces; i++) {
      client.sends(header.subarray(i * size, (i + 1) * size))
      wait(proxy, 20_000 + i * 2_000, 22_000 + i * 2_000)
    }
    assert.is(accepted(proxy), 1, `${pieces}`)
  }
})

test('a header in pieces 2.5 s apart is served', () => {
  const proxy = relaying()
  const client = proxy.arrives()
  const header = opening()
  for (let i = 0; i < 4; i++) {
    client.sends(header.subarray(i * 16, i * 16 + 16))
    wait(proxy, i * 2_500, (i + 1) * 2_500)
  }
  assert.is(accepted(proxy), 1)
})

test('a handshake that stops is rejected after 3 s, and one that never ends after 15 s', () => {
  const stops = relaying()
  stops.arrives().sends(opening().subarray(0, 30))
  wait(stops, 0, 2_950)
  assert.equal(rejections(stops), [])
  wait(stops, 3_000, 3_100)
  assert.equal(rejections(stops), ['timeout'])

  const dawdles = relaying()
  const client = dawdles.arrives()
  for (let second = 0; second < 14; second++) {
    client.sends(opening().subarray(second, second + 1))
    wait(dawdles, second * 1_000, (second + 1) * 1_000)
  }
  assert.equal(rejections(dawdles), [])
  client.sends('x')
  wait(dawdles, 15_000, 16_500)
  assert.equal(rejections(dawdles), ['timeout'])
})

test('silence ends after CLIENT_FIRST_BYTE_TIMEOUT, before and after ServerHello', () => {
  const before = relaying()
  before.arrives()
  wait(before, 0, 59_900)
  assert.equal(rejections(before), [])
  wait(before, 60_000, 60_100)
  assert.equal(rejections(before), ['timeout'])

  const behind = relaying()
  const client = behind.arrives()
  client.sends(hello())
  wait(behind, 0, 59_900)
  assert.not(client.closed)
  wait(behind, 60_000, 60_100)
  assert.ok(client.closed)
  assert.equal(behind.ends(), ['proxy hello timeout'])
})

test('no clock runs during a claim, however late its answer is read', () => {
  const asked: ((answer: 'new') => void)[] = []
  const proxy = relaying({}, (_digest, _connection, answered) => asked.push(answered))
  proxy.arrives().sends(opening())
  proxy.arrives().sends(hello())
  proxy.at(20_000)
  for (const answer of asked) answer('new')
  assert.equal(rejections(proxy), [])
  assert.is(accepted(proxy), 1)
})

const from = (network: number, host = 7) => Buffer.from([198, 18, network, host])

test('a flood from one address takes its own places, and every client from others is served', () => {
  const proxy = relaying({ maxHandshakes: 64, maxConnections: 2_000 })
  const others: HandLink[] = []
  for (let i = 0; i < 1_000; i++) {
    const flooder = proxy.arrives(from(1, i % 250))
    // Some send one byte.
    if (i % 2 === 0 && !flooder.closed) flooder.sends('x')
    if (i % 40 === 0) others.push(proxy.arrives(from(2 + (i % 50))))
  }
  assert.ok(others.length === 25 && others.every(({ closed }) => !closed))
  for (const client of others) client.sends(opening())
  assert.is(accepted(proxy), others.length)
  proxy.at(1_500)
  const refused = proxy.events.flatMap((event) => (event.type === 'limit.refused' ? [event.limit] : []))
  assert.equal(refused, ['strangers'])
  proxy.relay.closeAll()
  assert.equal(proxy.left(), nothing)
})

test('a flood that knows a secret and stops after ServerHello takes its own places, too', () => {
  const proxy = relaying({ maxHandshakes: 64, maxConnections: 2_000 })
  for (let i = 0; i < 300; i++) {
    const flooder = proxy.arrives(from(1, i % 250))
    flooder.sends(hello())
  }
  const others = Array.from({ length: 20 }, (_, i) => proxy.arrives(from(2 + i)))
  for (const client of others) client.sends(opening())
  assert.is(accepted(proxy), others.length)
  proxy.relay.closeAll()
  assert.equal(proxy.left(), nothing)
})

test('when every address has one place, the oldest silent client leaves, and none that is authenticated', () => {
  const proxy = relaying({ maxHandshakes: 16 })
  const authenticated = proxy.arrives(from(1))
  authenticated.sends(hello())
  const silent = Array.from({ length: 20 }, (_, i) => proxy.arrives(from(10 + i)))
  assert.equal(
    silent.map(({ closed }) => closed),
    silent.map((_, i) => i < 5),
  )
  assert.not(authenticated.closed)
})

test('a thread whose places are all taken by another one lets its first client in', () => {
  const settings = { maxHandshakes: 4, maxConnections: 100 }
  const [one] = [relaying(settings)]
  const other = relaying({ ...settings, capacity: one!.relay.settings.capacity })
  for (let i = 0; i < 4; i++) one!.arrives(from(i))
  const client = other.arrives(from(9))
  client.sends(opening())
  assert.is(accepted(other), 1)
})

test('when users have all places, a client that came a moment ago keeps its place for a second', () => {
  const proxy = relaying({ maxConnections: 2, maxHandshakes: 100 })
  const [first, second] = [proxy.arrives(from(1)), proxy.arrives(from(2))]
  assert.ok(proxy.arrives(from(3)).closed)
  assert.equal([first.closed, second.closed], [false, false])
  proxy.at(1_500)
  assert.not(proxy.arrives(from(4)).closed)
  assert.equal([first.closed, second.closed], [true, false])
})

test('when descriptors run out, the clients that have been silent longest make room', () => {
  const proxy = relaying()
  const silent = [proxy.arrives(from(1)), proxy.arrives(from(2))]
  proxy.relay.exhausted()
  assert.ok(silent.every(({ closed }) => !closed))
  proxy.at(2_000)
  proxy.relay.exhausted()
  assert.ok(silent.every(({ closed }) => closed))
})

test.run()
