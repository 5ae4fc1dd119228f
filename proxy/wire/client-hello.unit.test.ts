import { createHmac } from 'node:crypto'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runs } from '../../compose/test/kit/runs.ts'
import { browserHello } from './browser-hello.ts'
import {
  type Hello,
  helloLength,
  readClientHello,
  sealedHello,
  signatureOf,
  signedBy,
  signedRecord,
  x25519,
  x25519MlKem768,
} from './client-hello.ts'
import fixtures from './fixtures/client-hellos.json' with { type: 'json' }
import { ja4 } from './ja4.ts'
import { randomPool } from './random.ts'

const random = randomPool()
const recorded = fixtures.map((fixture) => ({ ...fixture, bytes: Buffer.from(fixture.hex, 'hex') }))
const named = (name: string) => recorded.find((fixture) => fixture.name === name)!
const parsed = (bytes: Buffer): Hello => readClientHello(sealedHello(bytes, bytes.length)!)

/** Everything but the scratch before the digested bytes. */
const reported = (hello: Hello) => ({ ...hello, digested: hello.digested.subarray(64) })

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
    assert.is(hello.form, 'right', name)
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

test('a signature gives its user and its time', () => {
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
  // So the time of a recorded hello can be changed, but not its signature.
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

test('time is an unsigned number: from the first second of 1970 to the year 2106', () => {
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

test('a hello cut into records on its way reads and verifies as it was sent', () => {
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
        assert.equal(reported(hello), reported(whole))
        assert.is(signedBy(hello, Buffer.from(secret!, 'hex')), at)
      },
    ),
  )
  // Even the four bytes of its header may be apart.
  const wire = inRecords(bytes, [0, 1, 2, 3])
  assert.is(signedBy(parsed(wire), Buffer.from(secret!, 'hex')), at)
})

test('a wrong length is odd, and the bytes that are there are read', () => {
  const read = (extensions: string) => parsed(helloOf(Buffer.from(extensions, 'hex')))
  for (const extensions of ['', '00170000', '0000000700050000026161', '002b0003020304']) {
    assert.is(read(extensions).form, 'right', extensions)
  }
  for (const [extensions, found] of [
    ['00', {}], // half a type
    ['00170001', { extensions: [0x17] }], // longer than the hello
    ['0017000000170000', { extensions: [0x17, 0x17] }], // twice
    ['0a0a00000a0a0000', { extensions: [0x0a0a, 0x0a0a] }],
    ['0000000700050000026161000000070005000002626200', { serverName: 'aa' }], // the first one counts
    ['00000000', { serverName: null }], // a name without its list
    ['0000000700060000026161', { serverName: null }], // a list longer than its extension
    ['00000007000500000361', { serverName: null }], // a name longer than its list
    ['0000000700050100026161', { serverName: null }], // a name of another type
    ['0000000a000500000261610000ff', { serverName: null }], // bytes behind the name
    ['00000009000700000461610017', { serverName: null }], // a name that goes on into what follows
    ['000a0000', { groups: [] }], // groups without a length
    ['000a00050003001d00', { groups: [0x1d] }], // half a group
    ['000a00040004001d', { groups: [0x1d] }], // a list longer than its extension
    ['000a00040000001d', { groups: [] }], // shorter
    ['002b0003030304', { versions: [0x0304] }], // versions likewise
    ['00100002000000', {}], // ALPN without a protocol
    ['0010000400020568', { alpn: Buffer.from('h') }], // a protocol longer than its list
    ['003300070006001d0001ff', { keyShares: [{ group: x25519, key: Buffer.from([0xff]) }] }],
    ['003300070005001d0002ff', { keyShares: [] }], // a key longer than its list
  ] as const) {
    const hello = read(extensions)
    assert.is(hello.form, 'odd', extensions)
    for (const [field, value] of Object.entries(found)) {
      assert.equal(hello[field as keyof Hello], value, `${extensions} ${field}`)
    }
  }
})

test('a message of another type or length is odd, and read as a hello', () => {
  const { bytes, serverName } = named('telegram-classic')
  for (const [at, value] of [
    [5, 2],
    [8, 0],
  ] as const) {
    const changed = Buffer.from(bytes)
    changed[at] = value
    const { form, sessionId, ...hello } = parsed(changed)
    assert.is(form, 'odd')
    assert.is(hello.serverName, serverName)
    assert.equal(sessionId, bytes.subarray(44, 76))
  }
})

test('any number of extensions is read', () => {
  const many = Array.from({ length: 4000 }, (_, i) => `${(0x4000 + i).toString(16)}0000`).join('')
  const hello = parsed(helloOf(Buffer.from(`${many}002b0003020304`, 'hex')))
  assert.is(hello.extensions.length, 4001)
  assert.is(hello.form, 'right')
  assert.equal(hello.versions, [0x0304])
})

test('a length of the block of extensions that does not add up is odd, and they are read', () => {
  for (const wrong of [0, 3, 7, 100, 0xffff]) {
    const bytes = helloOf(Buffer.from('002b0003020304', 'hex'))
    bytes.writeUInt16BE(wrong, bytes.length - 9)
    const hello = parsed(bytes)
    assert.is(hello.form, wrong === 7 ? 'right' : 'odd')
    assert.equal(hello.versions, [0x0304])
  }
})

test('a session id of more than 32 bytes is odd, and one that never ends unreadable', () => {
  const withSession = (size: number, bytesOfIt = size) => {
    const bytes = helloOf(Buffer.alloc(0))
    const session = Buffer.concat([Buffer.from([size]), Buffer.alloc(bytesOfIt)])
    const longer = Buffer.concat([bytes.subarray(0, 43), session, bytes.subarray(44)])
    longer.writeUInt16BE(longer.length - 5, 3)
    longer.writeUIntBE(longer.length - 9, 6, 3)
    return parsed(longer)
  }
  assert.is(withSession(32).form, 'right')
  assert.is(withSession(33).form, 'odd')
  assert.equal(withSession(33).cipherSuites, [0x1301])
  assert.is(withSession(255, 0).form, 'unreadable')
})

test('a hello keeps nothing of the buffer it came in', () => {
  const bytes = Buffer.from(named('mtcute').bytes)
  const hello = parsed(bytes)
  bytes.fill(0xee)
  assert.equal(reported(hello), reported(parsed(named('mtcute').bytes)))
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
        const end = typeof length === 'number' ? length : signedRecord(bytes, bytes.length, false)
        const sealed = sealedHello(bytes, end)
        if (sealed === null) return
        assert.type(ja4(readClientHello(sealed)), 'string')
        signedBy(sealed, Buffer.alloc(16))
      },
    ),
    { numRuns: runs(2000) },
  )
})

test.run()
