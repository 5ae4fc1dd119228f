import { promisify } from 'node:util'
import { gzip, zstdCompress } from 'node:zlib'

// Encoders of Kafka's codecs, from the documents of the formats: they use each repetition of four bytes at the nearest distance.

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
/** Snappy without frames. */
export const snappyBlock = (bytes: Buffer): Buffer =>
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

export const compress = {
  gzip: promisify(gzip),
  zstd: (bytes) => promisify(zstdCompress)(bytes),
  snappy,
  lz4,
} satisfies Record<string, (bytes: Buffer) => Buffer | Promise<Buffer>>
