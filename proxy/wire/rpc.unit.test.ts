import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runs } from '../../compose/test/kit/runs.ts'
import {
  checksum,
  frameOf,
  payloadOf,
  readRequest,
  streamsOf,
  takeFrames,
  toBlocks,
} from '../../compose/test/kit/servers/rpc-wire.ts'
import type { Transport } from '../events/contract.ts'
import { makeBlockCipher } from './cbc.ts'
import { FrameReader, frameHead, frameTail, frameWriter, readPlainFrame } from './rpc-frames.ts'
import { rpcKey } from './rpc-keys.ts'
import {
  clientGone,
  handshakeOf,
  isHandshake,
  markRequest,
  nonceOf,
  pingOf,
  pongOf,
  readMessage,
  readNonce,
  requestHead,
} from './rpc-messages.ts'

const secret = randomBytes(128)
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })
const words = (min: number, max: number) => fc.integer({ min, max }).map((count) => randomBytes(count * 4))

type Read = { id: number; bytes: Buffer } | { message: Buffer }

/** All that a stream holds, in the order of its frames; null: it has a fault. */
const readAll = (stream: Buffer, at: readonly number[] = []): Read[] | null => {
  const read: Read[] = []
  let parts: Buffer[] = []
  let [wanted, from] = [0, 0]
  const reader = new FrameReader({
    begins: (id, length) => {
      parts = []
      wanted = length
      from = id
    },
    bytes: (buffer, start, end) => parts.push(Buffer.from(buffer.subarray(start, end))),
    complete: () => {
      const bytes = Buffer.concat(parts)
      assert.is(bytes.length, wanted)
      read.push({ id: from, bytes })
    },
    message: (payload) => read.push({ message: Buffer.from(payload) }),
  })
  const edges = [0, ...at.map((share) => Math.floor(share * stream.length)), stream.length].sort(
    (a, b) => a - b,
  )
  for (let i = 1; i < edges.length; i++)
    if (reader.read(stream, edges[i - 1]!, edges[i]!) !== null) return null
  return read
}

const answer = (id: number, bytes: Buffer): Buffer => payloadOf('answer', 0, BigInt(id), bytes)

test('frames are read alike however the wire splits them', () => {
  const one = fc.oneof(
    fc.tuple(fc.integer({ min: 0, max: 2 ** 52 - 1 }), words(0, 900)).map(([id, bytes]) => ({ id, bytes })),
    words(1, 60).map((message) => ({ message })),
  )
  fc.assert(
    fc.property(fc.array(one, { maxLength: 8 }), fc.boolean(), cuts, (sent, padded, at) => {
      const frames = sent.map((frame, i) => {
        const bytes = frameOf(i - 1, 'id' in frame ? answer(frame.id, frame.bytes) : frame.message)
        return padded ? toBlocks(bytes) : bytes
      })
      assert.equal(readAll(Buffer.concat(frames), at), sent)
    }),
    { numRuns: runs(300) },
  )
})

test('our frames are whole blocks that an independent reader takes', () => {
  fc.assert(
    fc.property(fc.array(words(1, 300), { maxLength: 8 }), (payloads) => {
      const writer = frameWriter()
      const streams = payloads.map((payload) => {
        const into = Buffer.alloc(3 + frameHead + payload.length + frameTail)
        payload.copy(into, 3 + frameHead)
        return into.subarray(3, writer.complete(into, 3, 3 + frameHead + payload.length))
      })
      const read: number[] = []
      let i = 0
      const rest = takeFrames(Buffer.concat(streams), ({ sequence, payload }) => {
        read.push(sequence)
        assert.ok(payload.equals(payloads[i++]!))
      })
      assert.is(rest.length, 0)
      assert.equal(
        read,
        payloads.map((_, at) => at - 2),
      )
      streams.forEach((bytes, at) => {
        assert.is(at === 0 ? 0 : bytes.length % 16, 0)
      })
    }),
    { numRuns: runs(200) },
  )
})

test('a frame with a wrong length, sequence or checksum ends the stream', () => {
  const good = frameOf(-1, payloadOf('ping', 7n))
  assert.equal(readAll(good), [{ message: payloadOf('ping', 7n) }])
  assert.is(readAll(frameOf(0, payloadOf('ping', 7n))), null)
  assert.is(readAll(Buffer.concat([good, good])), null)
  for (let at = 0; at < good.length; at++) {
    const bad = Buffer.from(good)
    bad[at]! ^= 0x40
    // A length of other size waits for bytes that do not come, or is refused.
    assert.ok((readAll(bad) ?? []).length === 0, `byte ${at}`)
  }
  const long = Buffer.alloc(16)
  for (const length of [0, 5, 8, 12, 2 ** 24 + 4, 2 ** 32 - 4]) {
    long.writeUInt32LE(length, 0)
    assert.is(readAll(long), null, `${length}`)
  }
})

test('random bytes never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), cuts, (bytes, at) => {
      const stream = Buffer.from(bytes)
      readAll(stream, at)
      readPlainFrame(stream)
      readMessage(stream)
      readNonce(stream, secret)
      isHandshake(stream)
      if (stream.length >= 8) stream.writeUInt32LE(16 + (stream[0]! & 0x3c), 0).toString()
      readAll(stream, at)
    }),
    { numRuns: runs(500) },
  )
})

test('the nonce frame of a middle proxy is read, with and without padding behind it', () => {
  const nonce = randomBytes(16)
  const theirs = frameOf(-2, payloadOf('nonce', secret.subarray(0, 4), 1, 1_700_000_000, nonce))
  for (const bytes of [theirs, toBlocks(theirs), Buffer.concat([theirs, randomBytes(16)])]) {
    const read = readPlainFrame(bytes)
    assert.type(read, 'object')
    if (typeof read !== 'object') continue
    assert.is(read.used, bytes.length === 60 ? 44 : bytes.length)
    assert.equal(readNonce(read.payload, secret), { ok: true, nonce })
  }
  for (let length = 0; length < theirs.length; length++)
    assert.is(readPlainFrame(theirs.subarray(0, length)), 'more')
  const reason = (payload: Buffer) => {
    const read = readNonce(payload, secret)
    return read.ok ? null : read.reason
  }
  assert.is(reason(payloadOf('nonce', randomBytes(3), Buffer.alloc(1), 1, 0, nonce)), 'other-secret')
  assert.is(reason(payloadOf('nonce', secret.subarray(0, 4), 0, 0, nonce)), 'no-encryption')
  assert.is(reason(payloadOf('pong', 1n)), 'not-a-nonce')
})

test('our nonce and handshake have their fields in place', () => {
  const nonce = randomBytes(16)
  assert.equal(
    nonceOf(secret, 1_700_000_000, nonce),
    payloadOf('nonce', secret.subarray(0, 4), 1, 1_700_000_000, nonce),
  )
  const handshake = handshakeOf()
  assert.is(handshake.length, 32)
  assert.ok(isHandshake(handshake))
  assert.equal(handshake.subarray(0, 8), payloadOf('handshake', 0))
})

for (const [family, client, server] of [
  ['IPv4', randomBytes(4), randomBytes(4)],
  ['IPv6', randomBytes(16), randomBytes(16)],
] as const)
  test(`keys over ${family} are those of an independent derivation`, () => {
    const clientTime = 1_800_000_000
    const time = Buffer.alloc(4)
    time.writeUInt32LE(clientTime)
    const [clientNonce, serverNonce] = [randomBytes(16), randomBytes(16)]
    const shared = { secret, clientNonce, serverNonce }
    const theirs = streamsOf({
      ...shared,
      time,
      client: { bytes: client, port: 40_001 },
      server: { bytes: server, port: 8_888 },
    })
    const seed = {
      ...shared,
      clientTime,
      client: { address: client, port: 40_001 },
      server: { address: server, port: 8_888 },
    }
    const plain = randomBytes(64)
    const up = rpcKey(seed, 'CLIENT')
    const sealed = Buffer.from(plain)
    makeBlockCipher('encrypt', up.key, up.iv).apply(sealed, 0, 64)
    assert.equal(theirs.proxy.open.update(sealed), plain)
    const down = rpcKey(seed, 'SERVER')
    const received = theirs.middle.seal.update(plain)
    makeBlockCipher('decrypt', down.key, down.iv).apply(received, 0, 64)
    assert.equal(received, plain)
  })

test('keys of fixed values are those that hashlib of Python gives', () => {
  const seed = {
    secret: Buffer.alloc(128, 3),
    clientNonce: Buffer.alloc(16, 1),
    serverNonce: Buffer.alloc(16, 2),
    clientTime: 0x01020304,
    client: { address: Buffer.from([192, 0, 2, 1]), port: 0x1234 },
    server: { address: Buffer.from([198, 51, 100, 2]), port: 8888 },
  }
  const shown = (['CLIENT', 'SERVER'] as const).map((purpose) => {
    const { key, iv } = rpcKey(seed, purpose)
    return `${key.toString('hex')} ${iv.toString('hex')}`
  })
  assert.equal(shown, [
    '8a1a175bb695c10133eabfc502e03aa2a7bbb1869998e84b6a24c3f48085abd1 b52d25474aa36e470e3c09d46e42f666',
    '1efd23beaf7663525270558827a4e1d6e070ef42275839eeeafa6229fd7334f6 52037528e0f72e6cbc7044c03566aaf5',
  ])
})

test('a request is read back by an independent reader', () => {
  const transports: readonly Transport[] = ['abridged', 'intermediate', 'padded-intermediate']
  const end = fc.record({
    address: fc
      .constantFrom(4, 16)
      .map((length) => Buffer.concat([Buffer.from([32]), randomBytes(length - 1)])),
    port: fc.integer({ min: 1, max: 65_535 }),
  })
  const tag = fc.option(fc.constant(null).map(() => randomBytes(16)))
  const id = fc.integer({ min: 0, max: 2 ** 52 - 1 })
  fc.assert(
    fc.property(
      fc.constantFrom(...transports),
      id,
      fc.tuple(end, end),
      tag,
      words(2, 100),
      fc.tuple(fc.boolean(), fc.boolean()),
      (transport, id, [remote, ours], tag, message, [quickAck, encrypted]) => {
        message.fill(0, 0, 8)
        if (encrypted) message[7] = 1
        const head = requestHead({ id, transport, remote, ours, tag })
        const whole = Buffer.concat([Buffer.alloc(5), head, message])
        markRequest(whole, 5, 5 + head.length, quickAck)
        const read = readRequest(whole.subarray(5))
        const text = ({ address, port }: typeof remote) => ({
          host: address.length === 4 ? [...address].join('.') : address.toString('hex'),
          port,
        })
        assert.is(read.id, BigInt(id))
        assert.equal(read.remote, text(remote))
        assert.equal(read.ours, text(ours))
        assert.is(read.tag, tag?.toString('hex') ?? null)
        assert.ok(read.message.equals(message))
        assert.is(read.flags.includes('quick-ack'), quickAck)
        assert.is(read.flags.includes('abridged'), transport === 'abridged')
        assert.is(read.flags.includes('padded'), transport === 'padded-intermediate')
      },
    ),
    { numRuns: runs(200) },
  )
})

test('acknowledgements, closes and pings are distinguished', () => {
  const id = 2 ** 51 + 12_345
  assert.equal(readMessage(payloadOf('acknowledgement', BigInt(id), 0x81020304)), {
    type: 'acknowledgement',
    id,
    token: 0x81020304,
  })
  assert.equal(readMessage(payloadOf('closed', BigInt(id))), { type: 'closed', id })
  assert.equal(readMessage(payloadOf('closed', -5n)), { type: 'closed', id: -1 })
  assert.equal(clientGone(id), payloadOf('clientGone', BigInt(id)))
  assert.equal(pingOf(id), payloadOf('ping', BigInt(id)))
  const ping = payloadOf('ping', -77n)
  assert.equal(readMessage(ping), { type: 'ping', payload: ping })
  assert.equal(pongOf(ping), payloadOf('pong', -77n))
  assert.equal(readMessage(payloadOf('pong', -77n)), { type: 'pong' })
  assert.equal(readMessage(payloadOf('request', 1n)), { type: 'unknown' })
  assert.equal(readMessage(payloadOf('ping')), { type: 'unknown' })
})

test('the checksum is CRC-32 of IEEE', () => {
  assert.is(checksum(Buffer.from('123456789')), 0xcbf43926)
})

test.run()
