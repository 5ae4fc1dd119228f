import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Transport } from '../events/contract.ts'
import { dcOf, openingFor, openPayload, reservedStart } from './obfuscated2.ts'
import { type Fill, randomPool } from './random.ts'

// Both far ends are written here a second time, from the specification, without the code under test.

const tags: Record<Transport, string> = {
  abridged: 'efefefef',
  intermediate: 'eeeeeeee',
  'padded-intermediate': 'dddddddd',
}
const sha256 = (...parts: Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest()
const backwards = (bytes: Buffer): Buffer => Buffer.from(bytes).reverse()

/** A client's opening, and its two ciphers after it. */
const client = (init: Buffer, transport: Transport, dc: number, secret: Buffer) => {
  Buffer.from(tags[transport], 'hex').copy(init, 56)
  init.writeInt16LE(dc, 60)
  const back = backwards(init.subarray(8, 56))
  const up = createCipheriv('aes-256-ctr', sha256(init.subarray(8, 40), secret), init.subarray(40, 56))
  const down = createDecipheriv('aes-256-ctr', sha256(back.subarray(0, 32), secret), back.subarray(32))
  const encrypted = up.update(init)
  return { payload: Buffer.concat([init.subarray(0, 56), encrypted.subarray(56)]), up, down }
}

/** A datacenter that got an opening: its content, and its two ciphers. */
const datacenter = (payload: Buffer) => {
  const back = backwards(payload.subarray(8, 56))
  const from = createDecipheriv('aes-256-ctr', payload.subarray(8, 40), payload.subarray(40, 56))
  const to = createCipheriv('aes-256-ctr', back.subarray(0, 32), back.subarray(32))
  const plain = from.update(payload)
  return { tag: plain.toString('hex', 56, 60), dc: plain.readInt16LE(60), from, to }
}

const transport = fc.constantFrom<Transport>('abridged', 'intermediate', 'padded-intermediate')
const int16 = fc.integer({ min: -32768, max: 32767 })
const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array))
const random = randomPool()

test('a payload has transport, datacenter and both keys', () => {
  fc.assert(
    fc.property(bytes(64), transport, int16, bytes(16), bytes(100), (init, tag, dc, secret, message) => {
      const sender = client(init, tag, dc, secret)
      const opening = openPayload(sender.payload, secret)
      assert.ok(opening)
      assert.is(opening.transport, tag)
      assert.is(opening.dc, dc)
      const up = createDecipheriv('aes-256-ctr', opening.clientKey, opening.clientIv)
      assert.equal(up.update(sender.up.update(message)), message)
      const down = createCipheriv('aes-256-ctr', opening.proxyKey, opening.proxyIv)
      assert.equal(sender.down.update(down.update(message)), message)
    }),
  )
})

test('the counter carries over all of its 16 bytes', () => {
  const secret = randomBytes(16)
  for (const ones of [1, 8, 16]) {
    const init = randomBytes(64)
    init.fill(0xff, 56 - ones, 56)
    const sender = client(init, 'intermediate', 2, secret)
    const opening = openPayload(sender.payload, secret)
    assert.ok(opening)
    const message = randomBytes(50)
    const up = createDecipheriv('aes-256-ctr', opening.clientKey, opening.clientIv)
    assert.equal(up.update(sender.up.update(message)), message)
  }
})

test('another secret, and bytes at random, open nothing', () => {
  const { payload } = client(randomBytes(64), 'abridged', 1, randomBytes(16))
  assert.is(openPayload(payload, randomBytes(16)), null)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 40 }), (payload, secret) => {
      assert.is(openPayload(Buffer.from(payload), Buffer.from(secret)), null)
    }),
  )
})

test('an opening leaves its bytes alone and shares no memory with the next', () => {
  const secret = randomBytes(16)
  const { payload } = client(randomBytes(64), 'abridged', 1, secret)
  const before = Buffer.from(payload)
  const first = openPayload(payload, secret)!
  const kept = Buffer.from(first.clientKey)
  openPayload(client(randomBytes(64), 'abridged', 1, secret).payload, secret)
  assert.equal(payload, before)
  assert.equal(first.clientKey, kept)
})

test('a datacenter reads the opening made for it', () => {
  fc.assert(
    fc.property(transport, int16, bytes(100), (tag, dc, message) => {
      const opening = openingFor({ tag, dc, fast: null, random })
      const far = datacenter(opening.payload)
      assert.is(far.tag, tags[tag])
      assert.is(far.dc, dc)
      const up = createCipheriv('aes-256-ctr', opening.encryptKey, opening.encryptIv)
      assert.equal(far.from.update(up.update(message)), message)
      const down = createDecipheriv('aes-256-ctr', opening.decryptKey, opening.decryptIv)
      assert.equal(down.update(far.to.update(message)), message)
    }),
  )
})

test('in fast mode a client reads what the datacenter wrote, untouched', () => {
  fc.assert(
    fc.property(bytes(64), transport, bytes(16), bytes(100), (init, tag, secret, message) => {
      const sender = client(init, tag, 4, secret)
      const { proxyKey: key, proxyIv: iv } = openPayload(sender.payload, secret)!
      const opening = openingFor({ tag, dc: 4, fast: { key, iv }, random })
      const far = datacenter(opening.payload)
      assert.is(far.tag, tags[tag])
      assert.equal(sender.down.update(far.to.update(message)), message)
      const up = createCipheriv('aes-256-ctr', opening.encryptKey, opening.encryptIv)
      assert.equal(far.from.update(up.update(message)), message)
    }),
  )
})

const foreign = [
  'ef00000000000001',
  ...['HEAD', 'POST', 'GET ', 'OPTI'].map((word) => `${Buffer.from(word).toString('hex')}00000001`),
  'dddddddd00000001',
  'eeeeeeee00000001',
  '1603010200000001',
  '0102030400000000',
]

test('the start of another transport is recognised', () => {
  for (const start of foreign) assert.ok(reservedStart(Buffer.from(start, 'hex')), start)
  for (const start of ['0102030401000000', '1603010100000001', 'ee00000000000001', '4745542100000001']) {
    assert.not(reservedStart(Buffer.from(start, 'hex')), start)
  }
})

/** Draws `starts` one by one for the eight free bytes, and the rest at random. */
const scripted = (starts: Buffer[]): { fill: Fill; left: Buffer[] } => {
  const left = [...starts]
  const fill: Fill = (target, from, to) => {
    const next = to - from === 8 ? left.shift() : undefined
    if (next) next.copy(target, from)
    else random(target, from, to)
  }
  return { fill, left }
}

test('an opening never starts as another transport does, and draws again instead', () => {
  for (const fast of [null, { key: randomBytes(32), iv: randomBytes(16) }]) {
    const { fill, left } = scripted(foreign.map((start) => Buffer.from(start, 'hex')))
    const { payload } = openingFor({ tag: 'intermediate', dc: 2, fast, random: fill })
    assert.is(left.length, 0)
    assert.not(reservedStart(payload))
  }
})

test('nor does its encrypted form', () => {
  // Fast mode fixes the key stream, so that starts can be chosen which only turn into foreign ones when encrypted.
  const fast = { key: randomBytes(32), iv: randomBytes(16) }
  const chosen = backwards(Buffer.concat([fast.key, fast.iv]))
  const keyStream = createCipheriv('aes-256-ctr', chosen.subarray(0, 32), chosen.subarray(32)).update(
    Buffer.alloc(8),
  )
  const starts = foreign.map((start) => Buffer.from(start, 'hex').map((byte, i) => byte ^ keyStream[i]!))
  const { fill, left } = scripted(starts.map((start) => Buffer.from(start)))
  const { payload } = openingFor({ tag: 'intermediate', dc: 2, fast, random: fill })
  assert.is(left.length, 0)
  const encrypted = createCipheriv('aes-256-ctr', chosen.subarray(0, 32), chosen.subarray(32)).update(payload)
  assert.not(reservedStart(encrypted))
  assert.not(reservedStart(payload))
})

test('of 20,000 openings none starts as another transport does', () => {
  // 1 in 256 would start with 0xef: about 78 in clear and 78 encrypted, if nothing were done.
  for (let i = 0; i < 20_000; i++) {
    const { payload, encryptKey } = openingFor({ tag: 'abridged', dc: -3, fast: null, random })
    assert.not(reservedStart(payload))
    const encrypted = createCipheriv('aes-256-ctr', encryptKey, payload.subarray(40, 56)).update(payload)
    assert.not(reservedStart(encrypted))
  }
})

test('a datacenter has a number, its media the negative, test datacenters from 10000', () => {
  assert.equal(dcOf(2), { dc: 2, media: false, id: 2 })
  assert.equal(dcOf(-2), { dc: 2, media: true, id: -2 })
  assert.equal(dcOf(10002), { dc: 10002, media: false, id: 10002 })
  assert.equal(dcOf(-10002), { dc: 10002, media: true, id: -10002 })
  assert.is(dcOf(203).id, 203)
  for (const nonsense of [0, 10_000, -10_000, -32768, 32767, 5000]) assert.is(dcOf(nonsense).id, null)
})

test.run()
