import { copyBack, Damaged, TooMuch } from './damage.ts'

// https://github.com/google/snappy/blob/main/format_description.txt, and the frames of Java clients around it.

const magic = Buffer.from('82534e4150505900', 'hex')
/** The magic and two version numbers. */
const headerBytes = 16

/** The decompressed size of a block, and where its elements begin. */
const preamble = (block: Buffer): { readonly size: number; readonly at: number } => {
  let size = 0
  for (let at = 0; at < 5; at++) {
    const byte = block[at]
    if (byte === undefined) break
    size += (byte & 0x7f) * 2 ** (7 * at)
    if (byte < 0x80) return { size, at: at + 1 }
  }
  throw new Damaged('snappy: no length')
}

/** The length of a copy, how far back it begins, and where the next element is. */
const copyOf = (block: Buffer, at: number, tag: number) => {
  const kind = tag & 3
  if (kind === 1) return { length: 4 + ((tag >> 2) & 7), back: ((tag >> 5) << 8) | block[at]!, next: at + 1 }
  const length = 1 + (tag >> 2)
  return kind === 2
    ? { length, back: block.readUInt16LE(at), next: at + 2 }
    : { length, back: block.readUInt32LE(at), next: at + 4 }
}

/** The length of a literal, and where its bytes begin. */
const literalOf = (block: Buffer, at: number, tag: number) => {
  const short = tag >> 2
  if (short < 60) return { length: short + 1, from: at }
  const bytes = short - 59
  return { length: block.readUIntLE(at, bytes) + 1, from: at + bytes }
}

const decodeBlock = (bytes: Buffer, most: number): Buffer => {
  const { size, at: begins } = preamble(bytes)
  if (size > most) throw new TooMuch(`snappy: ${size} bytes`)
  const out = Buffer.allocUnsafe(size)
  let to = 0
  for (let at = begins; at < bytes.length; ) {
    const tag = bytes[at]!
    if ((tag & 3) === 0) {
      const { length, from } = literalOf(bytes, at + 1, tag)
      if (from + length > bytes.length || to + length > size) throw new Damaged('snappy: a literal too long')
      bytes.copy(out, to, from, from + length)
      to += length
      at = from + length
    } else {
      const { length, back, next } = copyOf(bytes, at + 1, tag)
      copyBack(out, to, back, length)
      to += length
      at = next
    }
  }
  if (to !== size) throw new Damaged('snappy: shorter than its length')
  return out
}

/** Decodes one block or a series of framed ones. Throws Damaged, TooMuch, or Buffer's RangeError where bytes are missing. */
export const decodeSnappy = (bytes: Buffer, most: number): Buffer => {
  if (!bytes.subarray(0, magic.length).equals(magic)) return decodeBlock(bytes, most)
  const blocks: Buffer[] = []
  let left = most
  for (let at = headerBytes; at < bytes.length; ) {
    const length = bytes.readInt32BE(at)
    if (length < 0 || at + 4 + length > bytes.length) throw new Damaged('snappy: a block too long')
    const out = decodeBlock(bytes.subarray(at + 4, at + 4 + length), left)
    left -= out.length
    blocks.push(out)
    at += 4 + length
  }
  return Buffer.concat(blocks)
}
