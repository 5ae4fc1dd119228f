import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runs } from '../../compose/test/kit/runs.ts'
import {
  fullRecords,
  headroom,
  leastRecord,
  maxPayload,
  mostRecord,
  mostSizes,
  type Pace,
  unwrapper,
  wrap,
  wrapPaced,
} from './records.ts'

const pattern = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 31) & 0xff))
const changeCipherSpec = Buffer.from('140303000101', 'hex')
const payload = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
/** Cuts, as shares of the whole. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })

const record = (type: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type, 3, 3, content.length >>> 8, content.length & 0xff]), content])

const wrapped = (content: Buffer, at = 0): Buffer => {
  const buffer = Buffer.alloc(at + content.length + headroom(content.length) + 3, 0xaa)
  content.copy(buffer, at)
  return buffer.subarray(at, wrap(buffer, at, at + content.length))
}

/** Feeds the stream in pieces, each at some offset of a buffer with other bytes around it. */
const unwrapped = (stream: Buffer, at: readonly number[] = []): Buffer | null => {
  const unwrap = unwrapper()
  const edges = [0, ...at.map((share) => Math.floor(share * stream.length)), stream.length].sort(
    (a, b) => a - b,
  )
  const parts: Buffer[] = []
  for (let i = 1; i < edges.length; i++) {
    const piece = stream.subarray(edges[i - 1], edges[i])
    const buffer = Buffer.concat([Buffer.alloc(7, 0xbb), piece, Buffer.alloc(7, 0xcc)])
    const end = unwrap(buffer, 7, 7 + piece.length)
    if (end === -1) return null
    parts.push(Buffer.from(buffer.subarray(7, end)))
    assert.equal(buffer.subarray(0, 7), Buffer.alloc(7, 0xbb))
    assert.equal(buffer.subarray(-7), Buffer.alloc(7, 0xcc))
  }
  return Buffer.concat(parts)
}

test('a payload becomes one record, in place', () => {
  assert.equal(wrapped(Buffer.from('hello')), Buffer.from('170303000568656c6c6f', 'hex'))
  assert.equal(wrapped(Buffer.alloc(0)), Buffer.alloc(0))
})

test('no record is longer than 16384 bytes, and headroom returns the bytes that they add', () => {
  for (const length of [1, maxPayload - 1, maxPayload, maxPayload + 1, 3 * maxPayload, 262_144, 262_145]) {
    const content = pattern(length)
    const stream = wrapped(content, 11)
    assert.is(stream.length, length + headroom(length))
    const parts: Buffer[] = []
    for (let at = 0; at < stream.length; ) {
      assert.equal(stream.subarray(at, at + 3), Buffer.from([0x17, 3, 3]))
      const size = stream.readUInt16BE(at + 3)
      assert.ok(size > 0 && size <= maxPayload)
      parts.push(stream.subarray(at + 5, at + 5 + size))
      at += 5 + size
    }
    assert.equal(Buffer.concat(parts), content)
  }
})

const sizes = fc
  .tuple(
    fc.array(fc.integer({ min: leastRecord, max: mostRecord }), { maxLength: mostSizes - 1 }),
    fc.integer({ min: leastRecord, max: mostRecord }),
  )
  .map(([some, last]) => [...some, last])

/** Payload lengths of the records of a stream. */
const lengthsOf = (stream: Buffer): number[] => {
  const lengths: number[] = []
  for (let at = 0; at < stream.length; at += 5 + lengths.at(-1)!) lengths.push(stream.readUInt16BE(at + 3))
  return lengths
}

const pacedBy = (pace: Pace, content: Buffer, now: number): Buffer => {
  const buffer = Buffer.alloc(9 + content.length + headroom(content.length, leastRecord), 0xaa)
  content.copy(buffer, 9)
  return buffer.subarray(9, wrapPaced(buffer, 9, 9 + content.length, pace, now))
}

test('paced records hold the payload in order, none longer than its size, each as long as its size allows', () => {
  const chunks = fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(sizes, chunks, (of, lengths) => {
      const pace: Pace = { of: { sizes: of, restartMs: null }, next: 0, at: 0 }
      let record = 0
      for (const length of lengths) {
        const content = pattern(length)
        const stream = pacedBy(pace, content, 0)
        assert.equal(unwrapped(stream), content)
        let left = length
        for (const size of lengthsOf(stream)) {
          assert.is(size, Math.min(left, of[Math.min(record++, of.length - 1)]!))
          left -= size
        }
      }
    }),
    { numRuns: runs(200) },
  )
})

test('a burst begins with small records, and a pause begins a new one', () => {
  const pace: Pace = { of: { sizes: [600, 600, 2_000, 16_401], restartMs: 1_000 }, next: 0, at: 0 }
  const payload = pattern(20_000)
  assert.equal(lengthsOf(pacedBy(pace, payload, 5_000)), [600, 600, 2_000, 16_401, 399])
  assert.equal(lengthsOf(pacedBy(pace, payload, 6_000)), [16_401, 3_599])
  assert.equal(lengthsOf(pacedBy(pace, payload, 7_001)), [600, 600, 2_000, 16_401, 399])
  const steady: Pace = { of: { sizes: [600, 16_401], restartMs: null }, next: 0, at: 0 }
  pacedBy(steady, payload, 1)
  assert.equal(lengthsOf(pacedBy(steady, payload, 100_000)), [16_401, 3_599])
})

test('RECORD_SIZES=max makes the same records as wrap', () => {
  const pace: Pace = { of: fullRecords, next: 0, at: 0 }
  for (const length of [1, maxPayload, maxPayload + 1, 262_145])
    assert.equal(pacedBy(pace, pattern(length), 0), wrapped(pattern(length)))
})

test('records decode alike however the wire splits them', () => {
  fc.assert(
    fc.property(fc.array(payload, { maxLength: 6 }), fc.boolean(), cuts, (payloads, changed, at) => {
      const stream = Buffer.concat([
        ...(changed ? [changeCipherSpec] : []),
        ...payloads.map((content) => record(0x17, content)),
      ])
      assert.equal(unwrapped(stream, at), Buffer.concat(payloads))
    }),
    { numRuns: runs(500) },
  )
})

test('records decode byte by byte', () => {
  const stream = Buffer.concat([
    changeCipherSpec,
    record(0x17, Buffer.from('one')),
    record(0x17, Buffer.from('two')),
  ])
  const at = Array.from({ length: stream.length }, (_, i) => i / stream.length)
  assert.equal(unwrapped(stream, at), Buffer.from('onetwo'))
})

test('unwrap returns what wrap took, over many records', () => {
  const content = pattern(100_000)
  assert.equal(unwrapped(wrapped(content), [0.1, 0.1001, 0.5, 0.9999]), content)
})

test('an empty record carries nothing and is accepted', () => {
  const stream = Buffer.concat([record(0x17, Buffer.alloc(0)), record(0x17, Buffer.from('x'))])
  assert.equal(unwrapped(stream), Buffer.from('x'))
})

test('a record may be as long as TLS allows and no longer', () => {
  assert.is(unwrapped(record(0x17, Buffer.alloc(16_640)))?.length, 16_640)
  assert.is(unwrapped(record(0x17, Buffer.alloc(16_641))), null)
})

test('ChangeCipherSpec is accepted once, first, and whole', () => {
  const data = record(0x17, Buffer.from('x'))
  assert.equal(unwrapped(Buffer.concat([changeCipherSpec, data])), Buffer.from('x'))
  for (const bad of [
    Buffer.concat([changeCipherSpec, changeCipherSpec, data]),
    Buffer.concat([data, changeCipherSpec]),
    record(0x14, Buffer.from([2])),
    record(0x14, Buffer.from([1, 1])),
    record(0x14, Buffer.alloc(0)),
  ]) {
    assert.is(unwrapped(bad), null, bad.toString('hex'))
  }
})

test('other records, alerts among them, end the stream', () => {
  for (const type of [0x00, 0x15, 0x16, 0x18, 0xff]) {
    assert.is(unwrapped(record(type, Buffer.from([1, 0]))), null)
  }
  assert.is(unwrapped(Buffer.from('1703010001ff', 'hex')), null)
  assert.is(unwrapped(Buffer.from('1702030001ff', 'hex')), null)
})

test('hostile bytes never throw nor grow', () => {
  const noise = fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array))
  const mutated = fc
    .tuple(payload, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }))
    .map(([content, changes]) => {
      const stream = Buffer.concat([changeCipherSpec, record(0x17, content), record(0x17, content)])
      for (const [at, value] of changes) stream[at % stream.length] = value
      return stream
    })
  fc.assert(
    fc.property(fc.oneof(noise, mutated), cuts, (stream, at) => {
      const whole = unwrapped(stream)
      const pieces = unwrapped(stream, at)
      // Split or not, the verdict is the same.
      if (whole === null) assert.is(pieces, null)
      else {
        assert.equal(pieces, whole)
        assert.ok(whole.length <= stream.length)
      }
    }),
    { numRuns: runs(1000) },
  )
})

test.run()
