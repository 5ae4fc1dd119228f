import { promisify } from 'node:util'
import { gzip, zstdCompress } from 'node:zlib'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Codec, decompress } from './codecs.ts'
import { crc32c } from './crc32c.ts'
import { Damaged, TooMuch } from './damage.ts'

// Encoders for the test, from the same documents: they use each repetition of four bytes at the nearest distance.

type Step = { readonly literal: Buffer; readonly back: number; readonly length: number }

const stepsOf = (bytes: Buffer, mostBack: number, mostLength: number): Step[] => {
  const steps: Step[] = []
  const seen = new Map<number, number>()
  let from = 0
  for (let at = 0; at + 4 <= bytes.length; ) {
    const four = bytes.readInt32LE(at)
    const before = seen.get(four)
    seen.set(four, at)
    if (before === undefined || at - before > mostBack) {
      at++
      continue
    }
    let length = 4
    while (length < mostLength && at + length < bytes.length && bytes[at + length] === bytes[before + length])
      length++
    steps.push({ literal: bytes.subarray(from, at), back: at - before, length })
    at += length
    from = at
  }
  steps.push({ literal: bytes.subarray(from), back: 0, length: 0 })
  return steps
}

const rest = (n: number): number[] => (n < 255 ? [n] : [255, ...rest(n - 255)])
const lz4Block = (bytes: Buffer): Buffer =>
  Buffer.concat(
    stepsOf(bytes, 65_535, 1_000).flatMap(({ literal, back, length }) => {
      const more = length - 4
      const token = (Math.min(15, literal.length) << 4) | (back === 0 ? 0 : Math.min(15, more))
      const lead = [token, ...(literal.length >= 15 ? rest(literal.length - 15) : [])]
      const copy = back === 0 ? [] : [back & 255, back >> 8, ...(more >= 15 ? rest(more - 15) : [])]
      return [Buffer.from(lead), literal, Buffer.from(copy)]
    }),
  )
const u32 = (n: number): Buffer => {
  const out = Buffer.alloc(4)
  out.writeUInt32LE(n)
  return out
}
const lz4 = (bytes: Buffer): Buffer => {
  const blocks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += 65_536) {
    const plain = bytes.subarray(at, at + 65_536)
    const packed = lz4Block(plain)
    blocks.push(
      ...(packed.length < plain.length ? [u32(packed.length), packed] : [u32(plain.length + 2 ** 31), plain]),
    )
  }
  return Buffer.concat([Buffer.from('04224d18604000', 'hex'), ...blocks, u32(0)])
}

const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)])
const snappyBlock = (bytes: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(varint(bytes.length)),
    ...stepsOf(bytes, 65_535, 64).flatMap(({ literal, back, length }) => {
      const n = literal.length - 1
      const lead = n < 60 ? [n << 2] : [61 << 2, n & 255, n >> 8]
      const copy = back === 0 ? [] : [((length - 1) << 2) | 2, back & 255, back >> 8]
      return [...(n < 0 ? [] : [Buffer.from(lead), literal]), Buffer.from(copy)]
    }),
  ])
const snappy = (bytes: Buffer): Buffer => {
  const blocks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += 32_768) {
    const packed = snappyBlock(bytes.subarray(at, at + 32_768))
    blocks.push(u32(packed.length).swap32(), packed)
  }
  return Buffer.concat([Buffer.from('82534e41505059000000000100000001', 'hex'), ...blocks])
}

const compress: Record<Exclude<Codec, 'none'>, (bytes: Buffer) => Buffer | Promise<Buffer>> = {
  gzip: promisify(gzip),
  zstd: (bytes) => promisify(zstdCompress)(bytes),
  snappy,
  lz4,
}
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
