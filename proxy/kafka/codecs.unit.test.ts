import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compress, snappyBlock } from '../../compose/test/kit/kafka/compress.ts'
import { type Codec, decompress } from './codecs.ts'
import { crc32c } from './crc32c.ts'
import { Damaged, TooMuch } from './damage.ts'

const each = Object.entries(compress) as [Exclude<Codec, 'none'>, (typeof compress)['gzip']][]

/** Bytes with many repetitions, or none. */
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 3_000 }),
  fc
    .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 3_000 })), {
      maxLength: 8,
    })
    .map((parts) => Buffer.concat(parts.map(([bytes, times]) => Buffer.concat(Array(times).fill(bytes))))),
)

test('every codec returns the original bytes up to the bound, and nothing beyond it', async () => {
  await fc.assert(
    fc.asyncProperty(payload, async (bytes) => {
      const plain = Buffer.from(bytes)
      for (const [codec, pack] of each) {
        const packed = await pack(plain)
        assert.ok((await decompress(codec, packed, Math.max(1, plain.length))).equals(plain), codec)
        if (plain.length < 2) continue
        const refused = await decompress(codec, packed, plain.length - 1).catch((error: unknown) => error)
        assert.instance(refused, TooMuch, codec)
      }
    }),
    { numRuns: 60 },
  )
})

test('snappy without frames is read, too', async () => {
  const plain = Buffer.from('as librdkafka and Go send it, as librdkafka and Go send it')
  assert.ok((await decompress('snappy', snappyBlock(plain), 100)).equals(plain))
})

test('any damage throws Damaged or TooMuch, or returns other bytes within the bound', async () => {
  const plain = Buffer.from('abcabcabcabd'.repeat(500))
  const packed = new Map<Codec, Buffer>()
  for (const [codec, pack] of each) packed.set(codec, await pack(plain))
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom<Codec>('gzip', 'snappy', 'lz4', 'zstd'),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      async (codec, changes, cut) => {
        const bytes = Buffer.from(packed.get(codec)!)
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        const damaged = bytes.subarray(0, bytes.length - (cut % 3 === 0 ? cut % bytes.length : 0))
        const result = await decompress(codec, damaged, 10_000).catch((error: unknown) => error)
        if (result instanceof Buffer) assert.ok(result.length <= 10_000)
        else assert.ok(result instanceof Damaged || result instanceof TooMuch, String(result))
      },
    ),
    { numRuns: 2_000 },
  )
})

test('the checksum is CRC-32C', () => {
  assert.is(crc32c(Buffer.from('123456789')), 0xe3069283)
  assert.is(crc32c(Buffer.alloc(32)), 0x8a9136aa)
})

test.run()
