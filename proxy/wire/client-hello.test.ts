import { createHmac } from 'node:crypto'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { browserHello } from './browser-hello.ts'
import {
  type Hello,
  helloLength,
  maxHello,
  maxHelloOnWire,
  parseClientHello,
  signatureOf,
  signedBy,
  x25519,
  x25519MlKem768,
} from './client-hello.ts'
import fixtures from './fixtures/client-hellos.json' with { type: 'json' }
import { ja4 } from './ja4.ts'
import { randomPool } from './random.ts'

const random = randomPool()
const recorded = fixtures.map((fixture) => ({ ...fixture, bytes: Buffer.from(fixture.hex, 'hex') }))
const named = (name: string) => recorded.find((fixture) => fixture.name === name)!
const parsed = (bytes: Buffer): Hello => {
  const hello = parseClientHello(bytes, bytes.length)
  if ('error' in hello) throw new Error(hello.error)
  return hello
}

/** All of it but the scratch before the digested bytes. */
const told = (hello: Hello) => ({ ...hello, digested: hello.digested.subarray(64) })

/** The same hello in several records, cut at these places of its message. */
const inRecords = (hello: Buffer, cuts: readonly number[]): Buffer => {
  const message = hello.subarray(5)
  const edges = [0, ...new Set(cuts.map((cut) => 1 + (cut % (message.length - 1)))), message.length].sort(
    (a, b) => a - b,
  )
  return Buffer.concat(
    edges.slice(1).flatMap((end, i) => {
      const header = Buffer.from(hello.subarray(0, 5))
      header.writeUInt16BE(end - edges[i]!, 3)
      return [header, message.subarray(edges[i], end)]
    }),
  )
}

/** A hello of TLS 1.3 with these extensions and no others, around a message of the right lengths. */
const helloOf = (extensions: Buffer, head = '0303'): Buffer => {
  const body = Buffer.concat([
    Buffer.from(head, 'hex'),
    Buffer.alloc(32),
    Buffer.from('000002130101000000', 'hex'),
    extensions,
  ])
  body.writeUInt16BE(extensions.length, body.length - extensions.length - 2)
  const header = Buffer.from([0x16, 3, 1, 0, 0, 1, 0, 0, 0])
  header.writeUInt16BE(body.length + 4, 3)
  header.writeUInt16BE(body.length, 7)
  return Buffer.concat([header, body])
}

test('hellos of real programs are read', () => {
  for (const { name, bytes, serverName, ja4: fingerprint } of recorded) {
    assert.is(helloLength(bytes, bytes.length), bytes.length, name)
    const hello = parsed(bytes)
    assert.is(hello.serverName, serverName, name)
    assert.ok(hello.versions.includes(0x0304), name)
    assert.is(hello.keyShares.find(({ group }) => group === x25519)?.key.length, 32, name)
    assert.equal(hello.random, bytes.subarray(11, 43), name)
    assert.is(ja4(hello), fingerprint, name)
  }
})

test('a post-quantum hello gives both shares', () => {
  for (const name of ['chromium', 'node-26', 'telegram-desktop-android', 'telegram-apple', 'mtcute']) {
    const { groups, keyShares, sessionId } = parsed(named(name).bytes)
    assert.ok(groups.includes(x25519MlKem768) && groups.includes(x25519), name)
    assert.is(keyShares.find(({ group }) => group === x25519MlKem768)?.key.length, 1184 + 32, name)
    assert.is(sessionId.length, 32, name)
  }
})

test('who signed a hello, and when', () => {
  const signed = recorded.filter(({ secret }) => secret !== undefined)
  assert.is(signed.length, 4)
  for (const { name, bytes, secret, at } of signed) {
    const hello = parsed(bytes)
    assert.is(signedBy(hello, Buffer.alloc(16, 1)), null, name)
    assert.is(signedBy(hello, Buffer.from(secret!, 'hex')), at, name)
    assert.is(signedBy(hello, Buffer.alloc(16, 1)), null, name)
  }
  assert.is(signedBy(parsed(named('chromium').bytes), Buffer.from(signed[0]!.secret!, 'hex')), null)
})

test('a signature covers every byte but the time', () => {
  const { bytes, secret, at } = named('telegram-classic')
  const key = Buffer.from(secret!, 'hex')
  for (let i = 11; i < 43; i++) {
    const changed = Buffer.from(bytes)
    changed[i]! ^= 1
    const time = signedBy(parsed(changed), key)
    if (i < 39) assert.is(time, null)
    else assert.is(time, (at! ^ (1 << (8 * (i - 39)))) >>> 0)
  }
  // So a recorded hello can be made any time's, but its signature stays what it was.
  const moved = Buffer.from(bytes)
  moved.writeUInt32LE((moved.readUInt32LE(39) ^ at! ^ (at! + 86_400)) >>> 0, 39)
  assert.is(signedBy(parsed(moved), key), at! + 86_400)
  assert.equal(signatureOf(parsed(moved)), signatureOf(parsed(bytes)))
  assert.not.equal(signatureOf(parsed(named('mtcute').bytes)), signatureOf(parsed(bytes)))
  // A byte of the session id, which no length depends on.
  const changed = Buffer.from(bytes)
  changed[50]! ^= 1
  assert.is(signedBy(parsed(changed), key), null)
})

test('time is unsigned: the year 2106 and the first second of 1970 are told alike', () => {
  const secret = Buffer.alloc(16, 7)
  for (const at of [0, 0x7fffffff, 0x80000000, 0xffffffff]) {
    const bytes = browserHello({ name: 'example.com', hybrid: false, random })
    bytes.fill(0, 11, 43)
    const digest = createHmac('sha256', secret).update(bytes).digest()
    digest.writeUInt32LE((digest.readUInt32LE(28) ^ at) >>> 0, 28)
    digest.copy(bytes, 11)
    assert.is(signedBy(parsed(bytes), secret), at)
  }
})

test('a hello is whole at its last byte and not before', () => {
  for (const { bytes, name } of recorded) {
    for (let length = 0; length < bytes.length; length++) {
      assert.is(helloLength(bytes, length), 'more', `${name} ${length}`)
    }
    assert.is(helloLength(Buffer.concat([bytes, Buffer.alloc(10, 0x16)]), bytes.length + 10), bytes.length)
  }
})

test('a hello cut into records on its way reads and verifies as it was made', () => {
  const { bytes, secret, at } = named('telegram-desktop-android')
  const whole = parsed(bytes)
  fc.assert(
    fc.property(
      fc.array(fc.nat(), { maxLength: 20 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (cuts, share) => {
        const wire = inRecords(bytes, cuts)
        assert.is(helloLength(wire, wire.length), wire.length)
        assert.is(helloLength(wire, Math.min(Math.floor(share * wire.length), wire.length - 1)), 'more')
        const hello = parsed(wire)
        assert.equal(told(hello), told(whole))
        assert.is(signedBy(hello, Buffer.from(secret!, 'hex')), at)
      },
    ),
  )
  // Even the four bytes that tell its length may be apart.
  const wire = inRecords(bytes, [0, 1, 2, 3])
  assert.is(signedBy(parsed(wire), Buffer.from(secret!, 'hex')), at)
})

test('foreign bytes are told from the first on', () => {
  const verdict = (hex: string) => helloLength(Buffer.from(hex, 'hex'), hex.length / 2)
  for (const hex of ['00', '47', '17', '1602', '160305', '1603010000', '160301000502', '160301000516']) {
    assert.is(verdict(hex), 'not-tls', hex)
  }
  for (const hex of ['', '16', '1603', '160301', '16030100', '1603010005', '160301000501']) {
    assert.is(verdict(hex), 'more', hex)
  }
  // Another record's bytes behind the message, and a second record that is none.
  assert.is(verdict('160301000801000002030300ff'), 'not-tls')
  assert.is(verdict('160301000401000002170301'), 'not-tls')
})

test('a hello may be 4096 bytes long in 32 records, and no more', () => {
  const of = (length: number) => {
    const bytes = Buffer.alloc(5 + length)
    bytes.set([0x16, 3, 1, length >>> 8, length & 0xff, 1, 0, (length - 4) >>> 8, (length - 4) & 0xff])
    return bytes
  }
  const longest = of(maxHello)
  assert.is(helloLength(longest, longest.length), longest.length)
  assert.is(helloLength(longest, 9), 'more')
  assert.is(helloLength(of(maxHello + 1), 9), 'too-long')
  assert.is(helloLength(Buffer.from('160301ffff', 'hex'), 5), 'too-long')
  assert.is(helloLength(Buffer.from('160301000401010000', 'hex'), 9), 'too-long')
  const cuts = Array.from({ length: 31 }, (_, i) => i * 100)
  const wire = inRecords(longest, cuts)
  assert.is(wire.length, maxHelloOnWire)
  assert.is(helloLength(wire, wire.length), wire.length)
  const more = inRecords(longest, [...cuts, 4000])
  assert.is(helloLength(more, more.length), 'too-long')
})

test('every length that does not fit is malformed', () => {
  const malformed = (extensions: string) => {
    const bytes = helloOf(Buffer.from(extensions, 'hex'))
    return 'error' in parseClientHello(bytes, bytes.length)
  }
  assert.not(malformed(''))
  assert.not(malformed('00170000'))
  for (const extensions of [
    '00', // half a type
    '00170001', // longer than the hello
    '0017000000170000', // twice
    '00000000', // a name without its list
    '0000000600040000026161', // a list longer than its extension
    '00000007000500000261', // a name longer than its list
    '00000006000401000161', // a name of another type
    '0000000a000800000161000000', // bytes behind the name
    '000a0000', // groups without a length
    '000a00050003001d00', // half a group
    '000a00040004001d', // a list longer than its extension
    '000a00040000001d', // shorter
    '002b0003030304', // versions likewise
    '00100002000000', // ALPN without a protocol
    '0010000400020568', // a protocol longer than its list
    '003300060006001d0001ff', // shares longer than their extension
    '003300070005001d0002ff', // a key longer than its list
  ]) {
    assert.ok(malformed(extensions), extensions)
  }
  assert.ok(malformed(Array.from({ length: 65 }, (_, i) => `40${(i + 16).toString(16)}0000`).join('')))
})

test('a session id has at most 32 bytes', () => {
  const withSession = (size: number) => {
    const bytes = helloOf(Buffer.alloc(0))
    const longer = Buffer.concat([
      bytes.subarray(0, 43),
      Buffer.from([size]),
      Buffer.alloc(size),
      bytes.subarray(44),
    ])
    longer.writeUInt16BE(longer.length - 5, 3)
    longer.writeUIntBE(longer.length - 9, 6, 3)
    return parseClientHello(longer, longer.length)
  }
  assert.not('error' in withSession(32))
  assert.ok('error' in withSession(33))
})

test('a hello keeps nothing of the buffer it came in', () => {
  const bytes = Buffer.from(named('mtcute').bytes)
  const hello = parsed(bytes)
  bytes.fill(0xee)
  assert.equal(told(hello), told(parsed(named('mtcute').bytes)))
})

test('hostile bytes never throw', () => {
  const mutated = fc
    .tuple(
      fc.constantFrom(...recorded),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
      fc.nat(2000),
    )
    .map(([{ bytes }, changes, cut]) => {
      const copy = Buffer.from(bytes)
      for (const [at, value] of changes) copy[at % copy.length] = value
      const shorter = Buffer.from(copy.subarray(0, Math.max(9, copy.length - (cut < 1000 ? 0 : cut))))
      // Outer lengths that fit let the inner ones be reached.
      if (cut % 2 === 0) {
        shorter.writeUInt16BE(shorter.length - 5, 3)
        shorter.writeUIntBE(shorter.length - 9, 6, 3)
      }
      return shorter
    })
  const noise = fc.uint8Array({ maxLength: 600 }).map((array) => Buffer.from(array))
  fc.assert(
    fc.property(
      fc.oneof(
        mutated,
        noise,
        noise.map((bytes) => helloOf(bytes)),
      ),
      (bytes) => {
        const length = helloLength(bytes, bytes.length)
        const hello = parseClientHello(bytes, typeof length === 'number' ? length : bytes.length)
        if ('error' in hello) return
        assert.type(ja4(hello), 'string')
        signedBy(hello, Buffer.alloc(16))
      },
    ),
    { numRuns: 2000 },
  )
})

test.run()
