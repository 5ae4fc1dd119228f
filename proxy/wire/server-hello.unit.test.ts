import { createHmac } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { appleOrder, browserHello } from './browser-hello.ts'
import { type Hello, readClientHello, sealedHello, x25519, x25519MlKem768 } from './client-hello.ts'
import fixtures from './fixtures/client-hellos.json' with { type: 'json' }
import { randomPool } from './random.ts'
import { parseServerAnswer } from './server-answer.ts'
import { answer, type Flight, orderOf, usualFlight } from './server-hello.ts'

const random = randomPool()
const secret = Buffer.alloc(16, 0x5a)
const flight: Flight = {
  hybrid: { group: x25519MlKem768, sizes: [2000, 2001, 2002] },
  classic: { group: x25519, sizes: [2020] },
  suites: [],
  versionFirst: true,
  classes: {},
}

const parsed = (bytes: Buffer): Hello => readClientHello(sealedHello(bytes, bytes.length)!)
const recorded = (name: string): Hello =>
  parsed(Buffer.from(fixtures.find((fixture) => fixture.name === name)!.hex, 'hex'))
const hybridHello = recorded('telegram-desktop-android')
const classicHello = recorded('telegram-classic')

const answered = (hello: Hello, like: Flight = flight): Buffer =>
  answer({ hello, secret, flight: like, random })
const read = (bytes: Buffer) => {
  const result = parseServerAnswer(bytes)
  if (typeof result === 'string') throw new Error(result)
  return result
}

/** The checks of Telegram's apps: three records in this order and the digest. Returns the records' contents. */
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

test('the group is the one that the masking host takes from the offer', () => {
  assert.is(read(answered(hybridHello)).group, x25519MlKem768)
  assert.is(read(answered(classicHello)).group, x25519)
  const plain = { ...flight, hybrid: { ...flight.hybrid, group: x25519 } }
  assert.is(read(answered(hybridHello, plain)).group, x25519)
})

test('for a host that takes a group unknown here, the answer is X25519', () => {
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

test('every order of suites has an index of its own, whatever stands between them', () => {
  const [a, b, c] = [0x1301, 0x1302, 0x1303]
  const orders = [[], [a], [b], [c], [a, b], [b, a], [a, c], [c, a], [b, c], [c, b]]
  orders.push([a, b, c], [a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a])
  assert.is(new Set(orders.map(orderOf)).size, 16)
  assert.ok(orders.every((order) => orderOf(order) < 64))
  assert.is(orderOf([0x0a0a, b, 0x1304, b, a, 0xc02b, b]), orderOf([b, a]))
})

test('the suite is the host’s choice for this order, else the client’s first of TLS 1.3', () => {
  const apple = parsed(browserHello({ name: 'example.com', hybrid: true, random, suites: appleOrder }))
  assert.is(read(answered(apple)).cipherSuite, 0x1302)
  assert.is(read(answered(hybridHello)).cipherSuite, 0x1301)
  const suites: number[] = []
  suites[orderOf(appleOrder)] = 0x1303
  assert.is(read(answered(apple, { ...flight, suites })).cipherSuite, 0x1303)
  assert.is(read(answered(hybridHello, { ...flight, suites })).cipherSuite, 0x1301)
})

test('one record has a measured size of the host, and 16 bytes more with SHA-384', () => {
  const sizes = new Set<number>()
  for (let i = 0; i < 60; i++) {
    const { records, whole } = read(answered(hybridHello))
    assert.ok(whole)
    assert.is(records.length, 1)
    sizes.add(records[0]!)
  }
  assert.equal([...sizes].sort(), [2000, 2001, 2002])
  assert.equal(read(answered(classicHello)).records, [2020])
  assert.equal(read(answered(classicHello, { ...flight, suites: Array(64).fill(0x1302) })).records, [2036])
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

test('a signed hello is answered whatever it lacks', () => {
  const share = hybridHello.keyShares.find(({ group }) => group === x25519MlKem768)!
  const classic = hybridHello.keyShares.find(({ group }) => group === x25519)!
  // The first coefficient is 4095: above the modulus 3329.
  const beyond = Buffer.from(share.key)
  beyond.fill(0xff, 0, 2)
  const shares = (...keyShares: Hello['keyShares']): Partial<Hello> => ({ keyShares })
  for (const [group, changed] of [
    [x25519MlKem768, shares(share)],
    [x25519, shares({ ...share, key: beyond }, classic)],
    [x25519, shares({ ...share, key: beyond })],
    [x25519, shares({ ...share, key: share.key.subarray(1) })],
    [x25519, shares({ group: x25519, key: Buffer.alloc(31) })],
    [x25519, shares()],
    [0x0017, shares({ group: 0x0017, key: Buffer.alloc(65) })],
    [0x0018, shares({ group: 0x001e, key: Buffer.alloc(56) }, { group: 0x0018, key: Buffer.alloc(97) })],
    [x25519, shares({ group: 0x001e, key: Buffer.alloc(56) })],
    [x25519MlKem768, { groups: [] }],
    [x25519MlKem768, { cipherSuites: [] }],
    [x25519MlKem768, { cipherSuites: [0xc02b] }],
    [x25519MlKem768, { versions: [0x0303] }],
    [x25519MlKem768, { sessionId: Buffer.alloc(255) }],
    [x25519MlKem768, { sessionId: Buffer.alloc(0) }],
  ] as const) {
    const hello = { ...hybridHello, ...changed }
    const bytes = answered(hello)
    accepted(bytes, hello)
    const { cipherSuite, group: taken } = read(bytes)
    assert.is(cipherSuite, 0x1301)
    assert.is(taken, group)
    assert.is(bytes[43], Math.min(hello.sessionId.length, 32))
  }
  // For a host that prefers X25519, the answer is the hybrid group where only that is offered.
  const plain = { ...flight, hybrid: { ...flight.hybrid, group: x25519 } }
  assert.is(read(answered({ ...hybridHello, keyShares: [share] }, plain)).group, x25519MlKem768)
})

test.run()
