import { createHmac } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { appleOrder, browserHello } from './browser-hello.ts'
import { type Hello, parseClientHello, x25519, x25519MlKem768 } from './client-hello.ts'
import fixtures from './fixtures/client-hellos.json' with { type: 'json' }
import { randomPool } from './random.ts'
import { parseServerAnswer } from './server-answer.ts'
import { answer, type Flight, usualFlight } from './server-hello.ts'

const random = randomPool()
const secret = Buffer.alloc(16, 0x5a)
const flight: Flight = {
  hybrid: { group: x25519MlKem768, sizes: [2000, 2001, 2002] },
  classic: { group: x25519, sizes: [2020] },
  cipherSuite: null,
  versionFirst: true,
}

const parsed = (bytes: Buffer): Hello => {
  const hello = parseClientHello(bytes, bytes.length)
  if ('error' in hello) throw new Error(hello.error)
  return hello
}
const recorded = (name: string): Hello =>
  parsed(Buffer.from(fixtures.find((fixture) => fixture.name === name)!.hex, 'hex'))
const hybridHello = recorded('telegram-desktop-android')
const classicHello = recorded('telegram-classic')

const answered = (hello: Hello, like: Flight = flight): Buffer => {
  const bytes = answer({ hello, secret, flight: like, random })
  assert.ok(bytes)
  return bytes
}
const read = (bytes: Buffer) => {
  const result = parseServerAnswer(bytes)
  if (typeof result === 'string') throw new Error(result)
  return result
}

/** What Telegram's apps check, written anew: three records in this order and the digest. Returns their contents. */
const accepted = (bytes: Buffer, hello: Hello): { serverHello: Buffer; data: Buffer } => {
  assert.equal(bytes.subarray(0, 3), Buffer.from('160303', 'hex'))
  const changeAt = 5 + bytes.readUInt16BE(3)
  assert.is(bytes.toString('hex', changeAt, changeAt + 9), '140303000101170303')
  const dataAt = changeAt + 11
  assert.is(bytes.length, dataAt + bytes.readUInt16BE(dataAt - 2))
  const zeroed = Buffer.from(bytes)
  zeroed.fill(0, 11, 43)
  const digest = createHmac('sha256', secret)
    .update(Buffer.concat([hello.random, zeroed]))
    .digest()
  assert.equal(bytes.subarray(11, 43), digest)
  return { serverHello: bytes.subarray(5, changeAt), data: bytes.subarray(dataAt) }
}

/** The server's key share, at the end or at the beginning of the extensions. */
const shareIn = (bytes: Buffer, length: number): Buffer => {
  const at = bytes.indexOf(Buffer.from([0, 0x33, (length + 4) >>> 8, (length + 4) & 0xff]))
  assert.is(bytes.readUInt16BE(at + 6), length)
  return bytes.subarray(at + 8, at + 8 + length)
}

test('an app accepts the answer to its hello', () => {
  for (const { name, secret: signed } of fixtures) {
    if (signed === undefined) continue
    const hello = recorded(name)
    const { serverHello } = accepted(answered(hello), hello)
    assert.is(serverHello[0], 2, name)
    assert.is(serverHello.readUIntBE(1, 3), serverHello.length - 4, name)
    assert.equal(serverHello.subarray(39, 71), hello.sessionId, name)
  }
})

test('the group is the one the masking host takes of those offered', () => {
  assert.is(read(answered(hybridHello)).group, x25519MlKem768)
  assert.is(read(answered(classicHello)).group, x25519)
  const plain = { ...flight, hybrid: { ...flight.hybrid, group: x25519 } }
  assert.is(read(answered(hybridHello, plain)).group, x25519)
})

test('a host that takes a group not spoken here is answered for with X25519', () => {
  const other = { group: 0x0017, sizes: [900] }
  assert.is(read(answered(hybridHello, { ...flight, hybrid: other, classic: other })).group, x25519)
})

test('every answer has its own share', () => {
  const shares = new Set<string>()
  for (let i = 0; i < 50; i++) {
    shares.add(shareIn(answered(classicHello), 32).toString('hex'))
    const hybrid = shareIn(answered(hybridHello), 1120)
    shares.add(hybrid.toString('hex', 0, 1088))
    shares.add(hybrid.toString('hex', 1088))
  }
  assert.is(shares.size, 150)
})

test('the suite is the choice of the host, else the first the client offers of TLS 1.3', () => {
  const apple = parsed(browserHello({ name: 'example.com', hybrid: true, random, suites: appleOrder }))
  assert.is(read(answered(apple)).cipherSuite, 0x1302)
  assert.is(read(answered(hybridHello)).cipherSuite, 0x1301)
  assert.is(read(answered(hybridHello, { ...flight, cipherSuite: 0x1303 })).cipherSuite, 0x1303)
  assert.is(read(answered(hybridHello, { ...flight, cipherSuite: 0x1305 })).cipherSuite, 0x1301)
})

test('one record has a size that the host was seen to send, and 16 bytes more with SHA-384', () => {
  const sizes = new Set<number>()
  for (let i = 0; i < 60; i++) {
    const { records, whole } = read(answered(hybridHello))
    assert.ok(whole)
    assert.is(records.length, 1)
    sizes.add(records[0]!)
  }
  assert.equal([...sizes].sort(), [2000, 2001, 2002])
  assert.equal(read(answered(classicHello)).records, [2020])
  assert.equal(read(answered(classicHello, { ...flight, cipherSuite: 0x1302 })).records, [2036])
})

test('no record is longer than TLS allows', () => {
  const endless = { ...flight, classic: { group: x25519, sizes: [50_000] } }
  assert.equal(read(answered(classicHello, endless)).records, [16_640])
})

test('the record is noise, other noise each time', () => {
  const first = accepted(answered(classicHello), classicHello).data
  const second = accepted(answered(classicHello), classicHello).data
  assert.not.equal(first, second)
  assert.ok(new Set(first).size > 200)
})

test('the extensions come in the order of the host', () => {
  assert.equal(read(answered(classicHello)).extensions, [0x002b, 0x0033])
  assert.equal(read(answered(classicHello, usualFlight)).extensions, [0x0033, 0x002b])
  accepted(answered(hybridHello, usualFlight), hybridHello)
})

test('what a real server would refuse is not answered', () => {
  const refuses = (hello: Hello): void => assert.is(answer({ hello, secret, flight, random }), null)
  const share = hybridHello.keyShares.find(({ group }) => group === x25519MlKem768)!
  const withKey = (key: Buffer): Hello => ({ ...hybridHello, keyShares: [{ ...share, key }] })
  assert.ok(answer({ hello: withKey(share.key), secret, flight, random }))
  // The first coefficient is 4095: beyond the modulus 3329.
  const beyond = Buffer.from(share.key)
  beyond.fill(0xff, 0, 2)
  refuses(withKey(beyond))
  refuses(withKey(share.key.subarray(1)))
  refuses({ ...classicHello, keyShares: [{ group: x25519, key: Buffer.alloc(31) }] })
  refuses({ ...classicHello, keyShares: [] })
  refuses({ ...classicHello, groups: [0x0017] })
  refuses({ ...classicHello, cipherSuites: [0xc02b] })
  refuses({ ...classicHello, versions: [0x0303] })
})

test.run()
