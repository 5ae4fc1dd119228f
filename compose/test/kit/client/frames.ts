import { randomBytes, randomInt } from 'node:crypto'

/**
 * MTProto transport framing, written from the specification independently of the proxy, so that both cannot share a mistake.
 * https://core.telegram.org/mtproto/mtproto-transports
 */

export type Transport = 'abridged' | 'intermediate' | 'padded-intermediate'

/** Bytes 56–59 of the obfuscated opening. */
export const tags: Readonly<Record<Transport, number>> = {
  abridged: 0xefefefef,
  intermediate: 0xeeeeeeee,
  'padded-intermediate': 0xdddddddd,
}

export const transportOf = (tag: number): Transport | undefined =>
  (Object.keys(tags) as Transport[]).find((transport) => tags[transport] === tag)

// Far above what these peers send: a longer frame means that the key streams are out of step.
const longestFrame = 4 << 20

/** One frame. Throws unless the payload is a multiple of four bytes. */
export const frame = (transport: Transport, payload: Buffer): Buffer => {
  if (payload.length % 4 !== 0) throw new Error(`a payload of ${payload.length} bytes cannot be abridged`)
  if (transport === 'abridged') return Buffer.concat([abridgedLength(payload.length / 4), payload])
  const padding = transport === 'intermediate' ? Buffer.alloc(0) : randomBytes(randomInt(16))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(payload.length + padding.length)
  return Buffer.concat([length, payload, padding])
}

const abridgedLength = (words: number): Buffer =>
  words < 0x7f ? Buffer.from([words]) : Buffer.from([0x7f, words & 0xff, (words >> 8) & 0xff, words >> 16])

/** Splits a byte stream into payloads, padding included. Throws on a length above 4 MiB. */
export const unframe = (transport: Transport, deliver: (payload: Buffer) => void) => {
  let held: Buffer[] = []
  let heldBytes = 0
  let wanted = 1
  return (bytes: Buffer): void => {
    held.push(bytes)
    heldBytes += bytes.length
    if (heldBytes < wanted) return
    let rest = held.length === 1 ? bytes : Buffer.concat(held)
    for (;;) {
      const header = readHeader(transport, rest)
      wanted = header ? header.size + header.length : rest.length + 1
      if (!header || rest.length < wanted) break
      deliver(rest.subarray(header.size, wanted))
      rest = rest.subarray(wanted)
    }
    // An empty slice would keep the whole read buffer alive.
    held = rest.length > 0 ? [rest] : []
    heldBytes = rest.length
  }
}

const readHeader = (transport: Transport, bytes: Buffer): { size: number; length: number } | undefined => {
  const long = transport === 'abridged' && bytes[0] === 0x7f
  const size = transport === 'abridged' ? (long ? 4 : 1) : 4
  if (bytes.length < size) return undefined
  const length =
    transport === 'abridged' ? (long ? bytes.readUIntLE(1, 3) : bytes[0]!) * 4 : bytes.readUInt32LE(0)
  if (length > longestFrame) throw new Error(`a frame of ${length} bytes: the key stream is out of step`)
  return { size, length }
}
