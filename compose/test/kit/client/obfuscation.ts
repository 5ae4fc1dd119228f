import { type Cipheriv, createCipheriv, createHash, randomBytes } from 'node:crypto'
import { type Transport, tags, transportOf } from './frames.ts'

/**
 * Both ends of the transport obfuscation, from the specification.
 * https://core.telegram.org/mtproto/mtproto-transports#transport-obfuscation
 */

export type Opening = {
  transport: Transport
  /** As on the wire, signed: negative = media, ±10000 = test. */
  dc: number
  /** Decrypts received bytes. */
  open: (bytes: Buffer) => Buffer
  /** Encrypts bytes to send. */
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

/** The other protocol whose first eight bytes these could be, if any. */
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

/** The client's end: the 64 bytes to send first, and the two key streams behind them. */
export const initiate = (
  transport: Transport,
  dc: number,
  secret: Buffer | undefined,
): Opening & { bytes: Buffer } => {
  const bytes = randomBytes(64)
  // Three in a thousand begin with text. Tests split the opening anywhere, and such a piece looks like plain text.
  const text = /^[\t\n\r -~]{6}/.test(bytes.toString('latin1', 0, 6))
  if (text || reservedStart(bytes)) return initiate(transport, dc, secret)
  const up = keyed(bytes.subarray(8, 56), secret)
  const down = keyed(reversed(bytes.subarray(8, 56)), secret)
  bytes.writeUInt32LE(tags[transport], 56)
  bytes.writeInt16LE(dc, 60)
  up.update(bytes).copy(bytes, 56, 56)
  return { bytes, transport, dc, seal: (plain) => up.update(plain), open: (sealed) => down.update(sealed) }
}

/** The server's end for 64 received bytes; without a secret that of a datacenter. `refused`: why they are not an opening. */
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
