import { crc32 } from 'node:zlib'
import { blockLength } from './cbc.ts'
import { readId, rpc } from './rpc-messages.ts'

// Frames between a proxy and a middle proxy: MTProxy, net/net-tcp-rpc-common.h.
//
//   0        4          8            length - 4   length
//   | length | sequence | payload .. | CRC-32     |
//
// A frame of length 4 is padding: the encrypted stream consists of whole blocks.

/** The sequence number of the first frame, which carries the nonce. */
export const nonceSequence = -2
export const handshakeSequence = -1

/** Bytes before the payload, and the most behind it: CRC and padding. */
export const frameHead = 8
export const frameTail = 4 + blockLength - 4

export const longestFrame = 1 << 24
const shortestFrame = 16
const padding = 4

/** Messages other than answers are a few words long; longer ones are unknown and skipped. */
const longestMessage = 1_024
/** Length, sequence, operation, flags and connection id of an answer. */
const answerHead = 24

export type FrameFault = 'bad-length' | 'bad-sequence' | 'bad-checksum'

/** Numbers frames and completes them in place. */
export type FrameWriter = {
  /**
   * The payload is at `buffer[start + frameHead, end)`. Writes what is before and behind it, for the encrypted stream with
   * padding to whole blocks; returns the end of the frame.
   */
  complete(buffer: Buffer, start: number, end: number): number
}

export const frameWriter = (): FrameWriter => {
  let sequence = nonceSequence
  return {
    complete: (buffer, start, end) => {
      const plain = sequence === nonceSequence
      buffer.writeUInt32LE(end + 4 - start, start)
      buffer.writeInt32LE(sequence, start + 4)
      buffer.writeUInt32LE(crc32(buffer.subarray(start, end)), end)
      sequence = (sequence + 1) | 0
      let at = end + 4
      while (!plain && (at - start) % blockLength !== 0) at = buffer.writeUInt32LE(padding, at)
      return at
    },
  }
}

/**
 * The first frame, which is not encrypted. `used` includes padding behind it: the far end sends nothing else before it has
 * our handshake.
 */
export const readPlainFrame = (
  bytes: Buffer,
): { readonly payload: Buffer; readonly used: number } | FrameFault | 'more' => {
  if (bytes.length < 4) return 'more'
  const length = bytes.readUInt32LE(0)
  if (length < shortestFrame || length > longestMessage || length % 4 !== 0) return 'bad-length'
  if (bytes.length < length) return 'more'
  if (bytes.readInt32LE(4) !== nonceSequence) return 'bad-sequence'
  if (bytes.readUInt32LE(length - 4) !== crc32(bytes.subarray(0, length - 4))) return 'bad-checksum'
  return { payload: bytes.subarray(frameHead, length - 4), used: length + plainPadding(bytes, length) }
}

/** Whether there is a frame of padding. */
export const isPadding = (bytes: Buffer, at: number): boolean => bytes.readUInt32LE(at) === padding

const plainPadding = (bytes: Buffer, at: number): number => {
  let end = at
  while (end % blockLength !== 0 && end + 4 <= bytes.length && isPadding(bytes, end)) end += 4
  return end - at
}

/** What a stream of frames holds. An answer comes in pieces as they arrive, before its checksum is verified. */
export type FrameEvents = {
  /** An answer of `length` bytes begins. `id`: of the connection; -1 for a number that no proxy of ours gives. */
  begins(id: number, length: number): void
  bytes(buffer: Buffer, start: number, end: number): void
  /** The answer is complete and its checksum right. */
  complete(): void
  /** The payload of any other frame; valid during the call. */
  message(payload: Buffer): void
}

/** Reads decrypted frames from the one with `sequence` on, split anywhere. */
export class FrameReader {
  #sequence = handshakeSequence
  readonly #head = Buffer.alloc(answerHead)
  readonly #small = Buffer.alloc(longestMessage)
  readonly #sum = Buffer.alloc(4)
  readonly #to: FrameEvents
  /** Collected bytes of `#head`, and how many are wanted before the next step. */
  #have = 0
  #wanted = 4
  #isAnswer = false
  #length = 0
  #left = 0
  #smallBytes = 0
  #sumBytes = 0
  #crc = 0

  constructor(to: FrameEvents) {
    this.#to = to
  }

  /** Null, or the fault after which the stream is over. */
  read(buffer: Buffer, start: number, end: number): FrameFault | null {
    let at = start
    while (at < end) {
      if (this.#have < this.#wanted) {
        const size = Math.min(this.#wanted - this.#have, end - at)
        buffer.copy(this.#head, this.#have, at, at + size)
        this.#have += size
        at += size
        if (this.#have < this.#wanted) return null
        const fault = this.#headRead()
        if (fault !== null) return fault
      } else if (this.#left > 0) {
        const size = Math.min(this.#left, end - at)
        this.#left -= size
        this.#crc = crc32(buffer.subarray(at, at + size), this.#crc)
        if (this.#isAnswer) this.#to.bytes(buffer, at, at + size)
        else this.#keep(buffer, at, at + size)
        at += size
      } else {
        const size = Math.min(4 - this.#sumBytes, end - at)
        buffer.copy(this.#sum, this.#sumBytes, at, at + size)
        this.#sumBytes += size
        at += size
        if (this.#sumBytes === 4 && !this.#complete()) return 'bad-checksum'
      }
    }
    return null
  }

  #keep(buffer: Buffer, start: number, end: number): void {
    if (this.#smallBytes + end - start <= longestMessage)
      buffer.copy(this.#small, this.#smallBytes, start, end)
    this.#smallBytes += end - start
  }

  /** The head is collected up to `#wanted`: decides how it continues. */
  #headRead(): FrameFault | null {
    if (this.#wanted === 4) {
      this.#length = this.#head.readUInt32LE(0)
      if (this.#length === padding) this.#have = 0
      else if (this.#length < shortestFrame || this.#length > longestFrame || this.#length % 4 !== 0)
        return 'bad-length'
      else this.#wanted = 12
      return null
    }
    if (this.#wanted === 12) {
      if (this.#head.readInt32LE(4) !== this.#sequence) return 'bad-sequence'
      this.#sequence = (this.#sequence + 1) | 0
      this.#isAnswer = this.#head.readUInt32LE(8) === rpc.answer && this.#length >= answerHead + 4
      if (this.#isAnswer) {
        this.#wanted = answerHead
        return null
      }
      this.#head.copy(this.#small, 0, 8, 12)
      this.#smallBytes = 4
    }
    this.#left = this.#length - this.#wanted - 4
    this.#crc = crc32(this.#head.subarray(0, this.#wanted))
    this.#sumBytes = 0
    if (!this.#isAnswer) return null
    this.#to.begins(readId(this.#head, 16), this.#left)
    return null
  }

  /** False: the checksum is wrong. */
  #complete(): boolean {
    if (this.#sum.readUInt32LE(0) !== this.#crc) return false
    this.#have = 0
    this.#wanted = 4
    if (this.#isAnswer) this.#to.complete()
    else if (this.#smallBytes <= longestMessage) this.#to.message(this.#small.subarray(0, this.#smallBytes))
    return true
  }
}
