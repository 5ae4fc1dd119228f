import { copyBack, Damaged, TooMuch } from './damage.ts'

// https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md. Its checksums are not checked: Kafka's covers the whole batch.

const magic = 0x184d2204
const [hasDictionary, hasContentChecksum, hasContentSize, hasBlockChecksum] = [1, 4, 8, 16]
/** The bit of a block length that marks an uncompressed block. */
const plain = 0x80000000
const blockSizes: Readonly<Record<number, number>> = { 4: 2 ** 16, 5: 2 ** 18, 6: 2 ** 20, 7: 2 ** 22 }

/** A buffer that doubles, up to a bound. */
const growing = (first: number, most: number) => {
  let bytes = Buffer.allocUnsafe(Math.min(first, most))
  let length = 0
  return {
    get length() {
      return length
    },
    /** Reserves `more` bytes at `length` and returns the buffer. Throws TooMuch. */
    room(more: number): Buffer {
      if (length + more > most) throw new TooMuch(`lz4: over ${most} bytes`)
      if (length + more > bytes.length) {
        const larger = Buffer.allocUnsafe(Math.min(most, Math.max(2 * bytes.length, length + more)))
        bytes.copy(larger, 0, 0, length)
        bytes = larger
      }
      length += more
      return bytes
    },
    done: (): Buffer => bytes.subarray(0, length),
  }
}

/** A length that continues while its bytes are 255. */
const lengthAt = (block: Buffer, at: number, nibble: number): { length: number; next: number } => {
  let [length, next] = [nibble, at]
  if (nibble !== 15) return { length, next }
  for (;;) {
    const byte = block[next++]
    if (byte === undefined) throw new Damaged('lz4: a length without an end')
    length += byte
    if (byte !== 255) return { length, next }
  }
}

const decodeBlock = (block: Buffer, out: ReturnType<typeof growing>): void => {
  for (let at = 0; at < block.length; ) {
    const token = block[at]!
    const literal = lengthAt(block, at + 1, token >> 4)
    if (literal.next + literal.length > block.length) throw new Damaged('lz4: a literal too long')
    const to = out.length
    block.copy(out.room(literal.length), to, literal.next, literal.next + literal.length)
    at = literal.next + literal.length
    if (at === block.length) return // the last sequence has no copy
    const back = block.readUInt16LE(at)
    const match = lengthAt(block, at + 2, token & 15)
    const from = out.length
    copyBack(out.room(match.length + 4), from, back, match.length + 4)
    at = match.next
  }
}

/** Decodes a series of LZ4 frames. Throws Damaged, TooMuch, or Buffer's RangeError where bytes are missing. */
export const decodeLz4 = (bytes: Buffer, most: number): Buffer => {
  const out = growing(4 * bytes.length, most)
  for (let at = 0; at < bytes.length; ) {
    if (bytes.readUInt32LE(at) !== magic) throw new Damaged('lz4: no frame')
    const flags = bytes.readUInt8(at + 4)
    const blockSize = blockSizes[(bytes.readUInt8(at + 5) >> 4) & 7]
    if (flags >> 6 !== 1 || blockSize === undefined || (flags & hasDictionary) !== 0)
      throw new Damaged('lz4: a frame of another kind')
    at += 7 + ((flags & hasContentSize) !== 0 ? 8 : 0)
    for (let length = bytes.readUInt32LE(at); length !== 0; length = bytes.readUInt32LE(at)) {
      const size = length % plain
      const from = at + 4
      if (size > blockSize || from + size > bytes.length) throw new Damaged('lz4: a block too long')
      const block = bytes.subarray(from, from + size)
      if (length >= plain) {
        const to = out.length
        block.copy(out.room(size), to)
      } else decodeBlock(block, out)
      at = from + size + ((flags & hasBlockChecksum) !== 0 ? 4 : 0)
    }
    at += 4 + ((flags & hasContentChecksum) !== 0 ? 4 : 0)
  }
  return out.done()
}
