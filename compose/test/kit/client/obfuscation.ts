import { type Cipheriv, createCipheriv, createHash, randomBytes } from 'node:crypto'
import { type Transport, tags, transportOf } from './frames.ts'

/**
 * Both ends of the transport obfuscation, from the specification.
 * https://core.telegram.org/mtproto/mtproto-transports#transport-obfuscation
 */

export type Opening = {
  transport: Transport
  /** Signed as it stands on the wire: negative = media, ±10000 = test. */
  dc: number
  /** Takes what arrives, gives plain bytes. */
  open: (bytes: Buffer) => Buffer
  /** Takes plain bytes, gives what to send. */
  seal: (bytes: Buffer) => Buffer
}

const reservedInts = new Map([
  [0x44414548, 'HEAD'],
  [0x54534f50, 'POST'],
  [0x20544547, 'GET '],
  [0x4954504f, 'OPTI'],
  [0xdddddddd, 'padded intermediate'],
  [0xeeeeeeee, 'intermediate'],
  [0x02010316, 'a TLS ClientHello'],
])

/** Which other protocol the first eight bytes would be taken for, if any. */
export const reservedStart = (bytes: Buffer): string | undefined => {
  if (bytes[0] === 0xef) return 'abridged'
  if (bytes.readUInt32LE(4) === 0) return 'full'
  return reservedInts.get(bytes.readUInt32LE(0))
}

const keyed = (material: Buffer, secret: Buffer | undefined): Cipheriv => {
  const raw = material.subarray(0, 32)
  const key = secret ? createHash('sha256').update(raw).update(secret).digest() : raw
  return createCipheriv('aes-256-ctr', key, material.subarray(32, 48))
}

const reversed = (bytes: Buffer): Buffer => Buffer.from(bytes).reverse()

/** The initiating side: 64 bytes to send first, and the two key streams that go on after them. */
export const initiate = (
  transport: Transport,
  dc: number,
  secret: Buffer | undefined,
): Opening & { bytes: Buffer } => {
  const bytes = randomBytes(64)
  // Three in a thousand begin with text: in pieces they may be taken for it, and the tests cut them anywhere.
  const text = /^[\t\n\r -~]{6}/.test(bytes.toString('latin1', 0, 6))
  if (text || reservedStart(bytes)) return initiate(transport, dc, secret)
  const up = keyed(bytes.subarray(8, 56), secret)
  const down = keyed(reversed(bytes.subarray(8, 56)), secret)
  bytes.writeUInt32LE(tags[transport], 56)
  bytes.writeInt16LE(dc, 60)
  up.update(bytes).copy(bytes, 56, 56)
  return { bytes, transport, dc, seal: (plain) => up.update(plain), open: (sealed) => down.update(sealed) }
}

/** The answering side of 64 bytes: a datacenter when there is no secret. Says why when it is no opening. */
export const answer = (bytes: Buffer, secret: Buffer | undefined): Opening | { refused: string } => {
  const reserved = reservedStart(bytes)
  if (reserved) return { refused: `starts like ${reserved}` }
  const up = keyed(bytes.subarray(8, 56), secret)
  const down = keyed(reversed(bytes.subarray(8, 56)), secret)
  const plain = up.update(bytes)
  const tag = plain.readUInt32LE(56)
  const transport = transportOf(tag)
  if (!transport) return { refused: `unknown transport tag ${tag.toString(16)}` }
  return {
    transport,
    dc: plain.readInt16LE(60),
    open: (sealed) => up.update(sealed),
    seal: (sent) => down.update(sent),
  }
}
