import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { frame, unframe } from '../../compose/test/kit/client/frames.ts'
import { runs } from '../../compose/test/kit/runs.ts'
import type { Transport } from '../events/contract.ts'
import { randomPool } from './random.ts'
import { longestMessage, MessageReader, messageFraming } from './transport-messages.ts'

const transports: readonly Transport[] = ['abridged', 'intermediate', 'padded-intermediate']
const random = randomPool()

type Read = { bytes: Buffer; quickAck: boolean }

/** The messages in a stream; null: it was refused. */
const readAll = (transport: Transport, stream: Buffer, cuts: readonly number[] = []): Read[] | null => {
  const read: Read[] = []
  let parts: Buffer[] = []
  let wanted = 0
  let acknowledged = false
  let allThere = false
  const reader = new MessageReader(transport, {
    begins: (length, quickAck, whole) => {
      parts = []
      wanted = length
      acknowledged = quickAck
      allThere = whole
    },
    bytes: (buffer, start, end) => {
      if (allThere) assert.is(end - start, wanted)
      parts.push(Buffer.from(buffer.subarray(start, end)))
    },
    complete: () => {
      const bytes = Buffer.concat(parts)
      assert.is(bytes.length, wanted)
      read.push({ bytes, quickAck: acknowledged })
    },
  })
  const edges = [0, ...cuts.map((share) => Math.floor(share * stream.length)), stream.length].sort(
    (one, other) => one - other,
  )
  for (let i = 1; i < edges.length; i++) {
    const before = edges[i - 1]!
    const shared = Buffer.concat([Buffer.alloc(5, 0xee), stream.subarray(before, edges[i])])
    if (!reader.read(shared, 5, shared.length)) return null
  }
  return read
}

const message = fc.integer({ min: 2, max: 700 }).map((words) => randomBytes(words * 4))
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })

test('messages of clients are read alike however the wire splits them', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...transports),
      fc.array(message, { maxLength: 6 }),
      cuts,
      (transport, sent, at) => {
        const stream = Buffer.concat(sent.map((bytes) => frame(transport, bytes)))
        const read = readAll(transport, stream, at)!
        assert.is(read.length, sent.length)
        // Up to 12 of the random bytes behind a padded message are whole words: only the middle proxy can cut them.
        sent.forEach((bytes, i) => {
          const got = read[i]!.bytes
          assert.ok(got.subarray(0, bytes.length).equals(bytes))
          assert.ok(
            transport === 'padded-intermediate'
              ? got.length - bytes.length <= 12
              : got.length === bytes.length,
          )
        })
      },
    ),
    { numRuns: runs(300) },
  )
})

test('messages for clients are read back by an independent reader', () => {
  fc.assert(
    fc.property(fc.constantFrom(...transports), fc.array(message, { maxLength: 6 }), (transport, sent) => {
      const framing = messageFraming(transport, random)
      const stream = sent.map((bytes) => {
        const into = Buffer.alloc(bytes.length + 8)
        const at = framing.head(into, 0, bytes.length)
        bytes.copy(into, at)
        return into.subarray(0, framing.tail(into, at + bytes.length))
      })
      const read: Buffer[] = []
      const take = unframe(transport, (payload) => read.push(Buffer.from(payload)))
      take(Buffer.concat(stream))
      assert.is(read.length, sent.length)
      sent.forEach((bytes, i) => {
        assert.ok(read[i]!.subarray(0, bytes.length).equals(bytes))
        assert.ok(read[i]!.length - bytes.length <= (transport === 'padded-intermediate' ? 3 : 0))
      })
    }),
    { numRuns: runs(300) },
  )
})

test('the bit that asks for a quick acknowledgement is read and not part of the length', () => {
  const bytes = randomBytes(516)
  const quick: Record<Transport, Buffer> = {
    abridged: Buffer.concat([Buffer.from([0xff, 129, 0, 0]), bytes]),
    intermediate: Buffer.concat([Buffer.from([4, 2, 0, 0x80]), bytes]),
    'padded-intermediate': Buffer.concat([Buffer.from([7, 2, 0, 0x80]), bytes, randomBytes(3)]),
  }
  for (const transport of transports) {
    const [quickly, slowly] = readAll(transport, Buffer.concat([quick[transport], frame(transport, bytes)]))!
    assert.ok(quickly!.quickAck && quickly!.bytes.equals(bytes))
    assert.not.ok(slowly!.quickAck)
  }
  const short = readAll('abridged', Buffer.concat([Buffer.from([0x82]), bytes.subarray(0, 8)]))!
  assert.ok(short[0]!.quickAck && short[0]!.bytes.length === 8)
})

test('a quick acknowledgement starts with the bit that its transport tests', () => {
  const into = Buffer.alloc(4)
  const token = 0x80112233
  assert.is(messageFraming('abridged', random).acknowledgement(into, 0, token), 4)
  assert.equal(into, Buffer.from('80112233', 'hex'))
  assert.is(messageFraming('intermediate', random).acknowledgement(into, 0, token), 4)
  assert.equal(into, Buffer.from('33221180', 'hex'))
})

test('a length that no client sends is refused', () => {
  const lengths = (...bytes: number[]): Buffer => Buffer.concat([Buffer.from(bytes), Buffer.alloc(64)])
  assert.is(readAll('intermediate', lengths(0, 0, 0, 0)), null)
  assert.is(readAll('intermediate', lengths(4, 0, 0, 0)), null)
  assert.is(readAll('intermediate', lengths(9, 0, 0, 0)), null)
  assert.is(readAll('intermediate', lengths(0xff, 0xff, 0xff, 0x7f)), null)
  assert.is(readAll('intermediate', lengths(4, 0, 0x10, 0)), null)
  assert.is(readAll('padded-intermediate', lengths(7, 0, 0, 0)), null)
  assert.is(readAll('abridged', lengths(0)), null)
  assert.is(readAll('abridged', lengths(1)), null)
  assert.is(readAll('abridged', lengths(0x7f, 1, 0, 4)), null)
  assert.is(readAll('abridged', lengths(0x7f, 0xff, 0xff, 0xff)), null)
  const longest = Buffer.concat([Buffer.from([0, 0, 0x10, 0]), Buffer.alloc(longestMessage)])
  assert.is(readAll('intermediate', longest)![0]!.bytes.length, longestMessage)
})

test('random bytes never throw', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...transports),
      fc.uint8Array({ maxLength: 400 }),
      cuts,
      (transport, bytes, at) => {
        readAll(transport, Buffer.from(bytes), at)
      },
    ),
    { numRuns: runs(500) },
  )
})

test.run()
