import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientHello } from '../../../compose/test/kit/client/client-hello.ts'
import { initiate } from '../../../compose/test/kit/client/obfuscation.ts'
import { domain, nothing, relaying } from '../../../compose/test/kit/relay/hand-relay.ts'
import { FEW } from './handshake-bounds.ts'
import { recentUsers } from './recent-users.ts'

const many = Array.from({ length: 3_000 }, (_, n) => ({ name: `user-${n}`, secret: randomBytes(16) }))
const payload = (secret: Buffer): Buffer => initiate('padded-intermediate', 2, secret).bytes
const addressOf = (n: number): Buffer<ArrayBuffer> => Buffer.from([192, 0, n >> 8, n & 255])

const world = () => {
  const proxy = relaying({ users: many, handshakeTimeoutMs: 10_000 })
  const users = (): string[] =>
    proxy.events.flatMap((event) => (event.type === 'handshake.accepted' ? [event.user] : []))
  const rejections = (): string[] =>
    proxy.events.flatMap((event) => (event.type === 'handshake.rejected' ? [event.reason] : []))
  return { ...proxy, users, rejections }
}

test('among many users each mode finds its user after a search, and the next time without one', () => {
  const { arrives, relay, at, users } = world()
  const [one, other] = many.slice(-2) as [(typeof many)[0], (typeof many)[0]]
  const client = arrives(addressOf(1))
  client.sends(payload(one.secret))
  const tls = arrives(addressOf(2))
  tls.sends(clientHello({ secret: other.secret, domain }).bytes)
  assert.is(relay.lookup.turns.size, 2)
  assert.ok(client.paused && tls.paused)
  at(1_000)
  assert.is(relay.lookup.turns.size, 0)
  assert.equal(users(), [one.name])
  assert.not(tls.paused)
  assert.is(tls.text.slice(0, 3), '\x16\x03\x03')
  arrives(addressOf(1)).sends(payload(one.secret))
  assert.equal(users(), [one.name, one.name])
})

test('what no secret opens is rejected with the reason that a few users give, and fronted with all its bytes', () => {
  const { arrives, engine, at, rejections, left } = world()
  const unknown = randomBytes(16)
  const all = [
    payload(unknown),
    clientHello({ secret: unknown, domain }).bytes,
    Buffer.from('GET / HTTP/1.1\r\n'),
  ]
  for (const [n, bytes] of all.entries()) {
    const client = arrives(addressOf(n))
    client.sends(bytes)
    at(1_000 * (n + 1))
    const host = engine.dials.at(-1)!.connects()
    assert.is(host.text, bytes.toString('latin1'))
    client.breaks('reset')
  }
  assert.equal(rejections(), ['unknown-user', 'bad-digest', 'not-mtproto'])
  assert.equal(left(), nothing)
})

test('a client that leaves, or whose time is over, during its search gives back its places', () => {
  const { arrives, relay, at, rejections, left } = world()
  const [leaves, waits] = [arrives(addressOf(1)), arrives(addressOf(2))]
  leaves.sends(payload(randomBytes(16)))
  waits.sends(payload(many[2_000]!.secret))
  leaves.breaks('reset')
  // The clock of the handshake comes before the search.
  at(20_000)
  assert.is(relay.lookup.turns.size, 0)
  assert.equal(rejections(), ['timeout'])
  waits.breaks('reset')
  assert.equal(left(), nothing)
})

test('users that change during a search are the ones that are searched', () => {
  const { arrives, relay, at, users, rejections } = world()
  const fresh = { name: 'fresh', secret: randomBytes(16) }
  const [gone, added] = [arrives(addressOf(1)), arrives(addressOf(2))]
  gone.sends(payload(many[9]!.secret))
  added.sends(payload(fresh.secret))
  relay.change({ users: [...many.slice(10), fresh] })
  at(1_000)
  assert.equal(users(), ['fresh'])
  assert.equal(rejections(), ['unknown-user'])
})

test('one flooding prefix does not push back the search of another', () => {
  const { arrives, relay, at, users } = world()
  for (let n = 0; n < 5; n++) arrives(Buffer.from([198, 51, 100, n])).sends(payload(randomBytes(16)))
  const client = arrives(Buffer.from([203, 0, 113, 1]))
  client.sends(payload(many[5]!.secret))
  const order: string[] = []
  const { emit } = relay
  Object.assign(relay, {
    emit: (event: Parameters<typeof emit>[0]) => {
      if (event.type === 'handshake.accepted' || event.type === 'handshake.rejected') order.push(event.type)
      emit(event)
    },
  })
  at(1_000)
  assert.equal(users(), ['user-5'])
  assert.is(order.indexOf('handshake.accepted'), 1)
})

test('the likely users are the last of the address, those of its prefix, then the latest of all', () => {
  const recent = recentUsers()
  const [a, b, c] = many as [(typeof many)[0], (typeof many)[0], (typeof many)[0]]
  recent.note({ address: 'one', prefix: 1 }, a)
  recent.note({ address: 'two', prefix: 1 }, b)
  recent.note({ address: 'far', prefix: 2 }, c)
  const names = (address: string, prefix: number) =>
    recent.likely({ address, prefix }).map((users) => users.map(({ name }) => name).join())
  assert.equal(names('one', 1), ['user-0,user-1,user-0', 'user-2,user-1,user-0'])
  assert.equal(names('new', 2), ['user-2', 'user-2,user-1,user-0'])
  recent.keep([a, b])
  assert.equal(names('far', 2), ['', 'user-1,user-0'])
  for (let n = 0; n < 2 * FEW; n++) recent.note({ address: `${n}`, prefix: n }, many[n]!)
  assert.is(recent.likely({ address: 'none', prefix: -1 })[1]?.length, FEW)
})

test.run()
