import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeEvent } from './codec.ts'
import { examples } from './examples.ts'
import { shapes } from './shapes.ts'

/** The names of all fields of a value, nested ones included. */
const namesIn = (value: unknown): string[] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([name, inner]) =>
        Array.isArray(value) ? namesIn(inner) : [name, ...namesIn(inner)],
      )
    : []
const words = (name: string): string[] =>
  name.split(/(?=[A-Z])|[^a-zA-Z0-9]+/).map((word) => word.toLowerCase())

const never = new Set(
  'secret secrets key keys iv nonce password token payload data bytes content body message phone imei ip remote hostname sni domain cookie auth'.split(
    ' ',
  ),
)

test('no event has a field that could hold a secret, a key, a payload or an address', () => {
  const names = [...Object.values(shapes), ...Object.values(examples)].flatMap(namesIn)
  assert.ok(names.length > 100)
  for (const name of names) {
    // Amounts: `bytesToClient`, `rssBytes`.
    if (/^(bytes|untold)To[A-Z]|Bytes$/.test(name)) continue
    assert.equal(
      words(name).filter((word) => never.has(word)),
      [],
      name,
    )
  }
})

test('only events of datacenters and middle proxies have an address', () => {
  for (const [type, shape] of Object.entries(shapes)) {
    if ('address' in shape) assert.match(type, /^(datacenter|middle-proxy)\./)
  }
})

test('a client is a network and a keyed hash: the codec rejects anything longer', () => {
  const accepted = examples['connection.accepted']
  const believed = (fields: object): boolean => 'event' in decodeEvent({ ...accepted, ...fields })
  assert.ok(believed({ prefix: '198.51.100.0/24' }))
  assert.ok(believed({ prefix: '2001:db8:1::/48' }))
  for (const prefix of [
    '198.51.100.7',
    '198.51.100.7/32',
    '198.51.100.7/24',
    '2001:db8:1::1',
    '2001:db8:1:2::/64',
    '2001:db8:1:2:3:4:5:6',
    '::ffff:198.51.100.7',
  ]) {
    assert.not(believed({ prefix }), prefix)
  }
  for (const client of ['198.51.100.7', 'c6336407', '00112233445566778899aabbccddeeff']) {
    assert.not(believed({ client }), client)
  }
})

test('a replay digest has 16 bytes of a hash: the codec rejects a whole handshake', () => {
  const accepted = examples['handshake.accepted']
  assert.not('event' in decodeEvent({ ...accepted, digest: '00'.repeat(64) }))
})

test.run()
