import { createRequire } from 'node:module'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import './connect.ts'
import { openBatch, splitBatches } from './records.ts'

/** kafkajs' encoder, which our producers use. */
const require = createRequire(import.meta.url)
type Encoder = { readonly buffer: Buffer }
type Batch = { readonly [name: string]: unknown; readonly records: readonly Encoder[] }
const { RecordBatch: encodeBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch(batch: Batch): Promise<Encoder>
}
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => Encoder

const firstTimestamp = 1_790_000_000_000
type Sent = { readonly key: Uint8Array | null; readonly value: Uint8Array | null; readonly later: number }

const batchOf = async (
  firstOffset: number,
  sent: readonly Sent[],
  compression = 0,
  headers: object = { name: 'value' },
): Promise<Buffer> => {
  const records = sent.map(({ key, value, later }, offsetDelta) =>
    encodeRecord({
      offsetDelta,
      timestampDelta: later,
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers,
    }),
  )
  const { buffer } = await encodeBatch({
    compression,
    firstOffset,
    firstTimestamp,
    maxTimestamp: firstTimestamp,
    lastOffsetDelta: sent.length - 1,
    records,
  })
  return Buffer.from(buffer)
}

const bytes = fc.option(fc.uint8Array({ maxLength: 300 }))
const anySent = fc.array(fc.record({ key: bytes, value: bytes, later: fc.integer({ min: -5, max: 1e9 }) }), {
  minLength: 1,
  maxLength: 20,
})

test('records are read as a producer sent them, batch by batch, without a batch that is cut off', async () => {
  await fc.assert(
    fc.asyncProperty(
      anySent,
      anySent,
      fc.constantFrom(0, 1, 4),
      fc.nat(),
      async (one, two, compression, cut) => {
        const [first, second] = [
          await batchOf(5, one, compression),
          await batchOf(5 + one.length, two, compression),
        ]
        const set = Buffer.concat([first, second])
        const [raw, next] = splitBatches(set)
        assert.equal([raw?.first, raw?.last], [5, 4 + one.length])
        assert.equal([next?.first, next?.last], [5 + one.length, 4 + one.length + two.length])
        assert.is(splitBatches(set.subarray(0, set.length - 1 - (cut % (second.length - 1)))).length, 1)
        const opened = await openBatch(raw!)
        assert.ok('records' in opened, JSON.stringify(opened))
        for (const [n, { offset, at, key, value }] of opened.records.entries()) {
          assert.is(offset, 5 + n)
          assert.is(at, firstTimestamp + one[n]!.later)
          assert.equal(key, one[n]!.key === null ? null : Buffer.from(one[n]!.key))
          assert.equal(value, one[n]!.value === null ? null : Buffer.from(one[n]!.value))
        }
      },
    ),
    { numRuns: 100 },
  )
})

test('no content of a batch makes reading throw, and damage is reported', async () => {
  const good = await batchOf(0, [
    { key: Buffer.from('key'), value: Buffer.from('value'), later: 1 },
    { key: null, value: Buffer.from('another'), later: 2 },
  ])
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(255), fc.uint8Array({ maxLength: 40 }), async (at, byte, more) => {
      const damaged = Buffer.from(good)
      damaged[at % damaged.length] = byte
      for (const batch of splitBatches(Buffer.concat([damaged, more]))) {
        const opened = await openBatch(batch)
        const isSame = damaged.equals(good) || at % damaged.length < 16
        assert.ok(isSame || 'why' in opened, JSON.stringify(opened))
      }
    }),
    { numRuns: 1_000 },
  )
})

test('content with a valid checksum is checked as well', async () => {
  const { crc32c } = await import('./crc32c.ts')
  const good = await batchOf(0, [{ key: Buffer.from('key'), value: Buffer.from('value'), later: 1 }])
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      async (changes) => {
        const bytes = Buffer.from(good)
        for (const [at, byte] of changes) bytes[21 + (at % (bytes.length - 21))] = byte
        bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
        for (const batch of splitBatches(bytes)) {
          const opened = await openBatch(batch, 100_000)
          if (!('records' in opened)) continue
          for (const { offset, at } of opened.records) {
            assert.ok(offset >= batch.first && offset <= batch.last)
            assert.ok(!Number.isNaN(new Date(at).getTime()))
          }
        }
      },
    ),
    { numRuns: 3_000 },
  )
})

test('the reason why a batch cannot be read is named', async () => {
  const { crc32c } = await import('./crc32c.ts')
  const whyOf = async (change: (bytes: Buffer) => void, most?: number): Promise<string | null> => {
    const bytes = Buffer.from(await batchOf(7, [{ key: null, value: Buffer.alloc(5_000), later: 0 }], 1))
    change(bytes)
    bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
    const opened = await openBatch(splitBatches(bytes)[0]!, most)
    return 'why' in opened ? `${opened.why} ${opened.codec}` : null
  }
  assert.is(await whyOf(() => {}), null)
  assert.is(await whyOf(() => {}, 4_000), 'too-large gzip')
  assert.is(await whyOf((bytes) => bytes.writeInt16BE(5, 21)), 'codec unknown')
  assert.is(await whyOf((bytes) => bytes.writeInt16BE(3, 21)), 'damaged lz4')
  assert.is(await whyOf((bytes) => bytes.writeInt8(1, 16)), 'format unknown')
  assert.is(await whyOf((bytes) => bytes.writeInt32BE(2 ** 31 - 1, 57)), 'too-large gzip')
})

test('a record has the clock of its sender, or NaN without that header', async () => {
  const sent = [{ key: null, value: new Uint8Array(3), later: 0 }]
  for (const [headers, at] of [
    [{ 'sent-at': '1790000000042' }, 1_790_000_000_042],
    [{ 'sent-at': 'x' }, Number.NaN],
    [{ name: 'value', 'sent-at': '7' }, Number.NaN],
    [{}, Number.NaN],
  ] as const) {
    const [raw] = splitBatches(await batchOf(0, sent, 0, headers))
    const opened = await openBatch(raw!)
    assert.ok('records' in opened && Object.is(opened.records[0]?.sentAt, at))
  }
})

test.run()
