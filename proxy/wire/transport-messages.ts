import type { Transport } from '../events/contract.ts'
import type { Fill } from './random.ts'

// The framing of messages between a client and a datacenter: https://core.telegram.org/mtproto/mtproto-transports

/** No client sends a longer message: parts of files have 512 KiB at most. */
export const longestMessage = 1 << 20
/** The auth_key_id, with which every message begins. */
const shortestMessage = 8
/** Bytes before a message, and random bytes behind a padded one. */
export const messageHead = 4
const mostPadding = 3

/** What a stream of messages holds. */
export type MessageEvents = {
  /** A message of `length` bytes begins, a multiple of 4. `whole`: the rest of this buffer has all of it. */
  begins(length: number, quickAck: boolean, whole: boolean): void
  bytes(buffer: Buffer, start: number, end: number): void
  complete(): void
}

/** Reads a client's messages, split anywhere. */
export class MessageReader {
  readonly #abridged: boolean
  readonly #padded: boolean
  readonly #to: MessageEvents
  #headBytes = 0
  #headWanted: number
  #head = 0
  #left = 0
  #padding = 0

  constructor(transport: Transport, to: MessageEvents) {
    this.#abridged = transport === 'abridged'
    this.#padded = transport === 'padded-intermediate'
    this.#headWanted = this.#abridged ? 1 : 4
    this.#to = to
  }

  /** False: a length that no client sends. The stream is over then. */
  read(buffer: Buffer, start: number, end: number): boolean {
    let at = start
    while (at < end) {
      if (this.#left > 0) {
        const size = Math.min(this.#left, end - at)
        this.#left -= size
        this.#to.bytes(buffer, at, at + size)
        at += size
        if (this.#left === 0) this.#to.complete()
      } else if (this.#padding > 0) {
        const size = Math.min(this.#padding, end - at)
        this.#padding -= size
        at += size
      } else {
        this.#head += buffer[at++]! * 2 ** (8 * this.#headBytes++)
        if (this.#headBytes === 1 && this.#abridged && (this.#head & 0x7f) === 0x7f) this.#headWanted = 4
        if (this.#headBytes === this.#headWanted && !this.#begin(end - at)) return false
      }
    }
    return true
  }

  #begin(available: number): boolean {
    const first = this.#head % 256
    const top = this.#abridged ? first & 0x80 : this.#head >= 2 ** 31
    const length = this.#abridged
      ? (this.#headWanted === 4 ? Math.floor(this.#head / 256) : first & 0x7f) * 4
      : this.#head % 2 ** 31
    this.#head = 0
    this.#headBytes = 0
    if (this.#abridged) this.#headWanted = 1
    const message = length - (length % 4)
    if (message < shortestMessage || message > longestMessage) return false
    if (!this.#padded && length !== message) return false
    this.#left = message
    this.#padding = length - message
    this.#to.begins(message, Boolean(top), available >= message)
    return true
  }
}

/** Frames messages for a client. */
export type MessageFraming = {
  /** Writes what comes before a message of `length` bytes; returns its end. */
  head(into: Buffer, at: number, length: number): number
  /** Writes what comes behind the message that was begun last; returns its end. */
  tail(into: Buffer, at: number): number
  /** Writes a quick acknowledgement; returns its end. */
  acknowledgement(into: Buffer, at: number, token: number): number
}

export const messageFraming = (transport: Transport, random: Fill): MessageFraming => {
  if (transport === 'abridged')
    return {
      head: (into, at, length) => {
        const words = length / 4
        if (words < 0x7f) return into.writeUInt8(words, at)
        return into.writeUInt32LE(words * 256 + 0x7f, at)
      },
      tail: (_, at) => at,
      // The client looks at the first byte: the highest one comes first.
      acknowledgement: (into, at, token) => into.writeUInt32BE(token, at),
    }
  let padding = 0
  const one = Buffer.alloc(1)
  return {
    head: (into, at, length) => {
      if (transport === 'padded-intermediate') {
        random(one, 0, 1)
        padding = one[0]! & mostPadding
      }
      return into.writeUInt32LE(length + padding, at)
    },
    tail: (into, at) => {
      random(into, at, at + padding)
      return at + padding
    },
    acknowledgement: (into, at, token) => into.writeUInt32LE(token, at),
  }
}
