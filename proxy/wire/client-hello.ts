import { hash, timingSafeEqual } from 'node:crypto'
import { Reader } from './reader.ts'

// https://www.rfc-editor.org/rfc/rfc8446#section-4.1.2

/** The longest handshake message that is read, with its 4-byte header: the size of one record. RFC 8446, 5.1. */
export const maxHello = 16_384
/** Anti-censorship tools cut a hello into a few records. */
const maxRecords = 32
const recordHeader = 5
/** The most bytes that `helloLength` waits for. */
export const maxHelloOnWire = maxHello + maxRecords * recordHeader

/**
 * The size of a complete ClientHello at the start of `buffer[0, length)`, with its record headers. It may span records; bytes
 * behind it in its last record belong to it, because a client signs records. `malformed`: a TLS handshake record, but not a
 * hello of at most `maxHello` bytes.
 */
export const helloLength = (buffer: Buffer, length: number): number | 'more' | 'not-tls' | 'malformed' => {
  let wanted = 4
  let got = 0
  let at = 0
  let size = 0
  for (let records = 0; got < wanted; records++) {
    const foreign = records === 0 ? 'not-tls' : 'malformed'
    if (records === maxRecords) return 'malformed'
    if (at < length && buffer[at] !== 0x16) return foreign
    if (at + 1 < length && buffer[at + 1] !== 3) return foreign
    if (at + 2 < length && buffer[at + 2]! > 4) return foreign
    if (at + recordHeader > length) return 'more'
    const record = buffer.readUInt16BE(at + 3)
    if (record === 0 || got + record > maxHello) return 'malformed'
    at += recordHeader
    // Reads a record only when it is complete, as servers do: then its signature can be verified, too.
    if (at + record > length) return 'more'
    // The message's own header, one type and three length bytes, may span records.
    for (let i = got; i < 4 && i < got + record; i++) {
      const byte = buffer[at + i - got]!
      if (i === 0 && byte !== 1) return 'malformed'
      if (i > 0) size = (size << 8) | byte
      if (i === 3) wanted += size
    }
    if (wanted > maxHello) return 'malformed'
    at += record
    got += record
  }
  return at
}

/**
 * The end of the first record where `helloLength` finds no hello: a client may have signed it with wrong versions or
 * lengths. 0: not complete. With `waiting`, returns the end only when nothing but the record has come, so that its
 * signature is verified once.
 */
export const signedRecord = (buffer: Buffer, length: number, waiting: boolean): number => {
  if (length < leastSigned || buffer[0] !== 0x16) return 0
  const end = recordHeader + buffer.readUInt16BE(3)
  if (end < leastSigned || end > recordHeader + maxHello) return 0
  return (waiting ? end === length : end <= length) ? end : 0
}

/** A ClientHello whose signature is not verified: the signed bytes, and the signature in `random`. */
export type Sealed = {
  /** The input of `signedBy`: 64 free bytes, then the hello as one record with its random zeroed. */
  readonly digested: Buffer
  readonly random: Buffer
}

/** `right`: as RFC 8446 demands. `odd`: deviates from it. `unreadable` up to its extensions: it has no fingerprint. */
export type Form = 'right' | 'odd' | 'unreadable'

export type Hello = Sealed & {
  readonly form: Form
  readonly sessionId: Buffer
  readonly legacyVersion: number
  readonly cipherSuites: readonly number[]
  /** In the order sent, GREASE included. */
  readonly extensions: readonly number[]
  /** Null when missing, empty or unreadable. */
  readonly serverName: string | null
  readonly versions: readonly number[]
  readonly groups: readonly number[]
  readonly signatureAlgorithms: readonly number[]
  /** The first protocol of ALPN. */
  readonly alpn: Buffer | null
  readonly keyShares: readonly KeyShare[]
}

export type KeyShare = { readonly group: number; readonly key: Buffer }

export const x25519 = 0x001d
export const x25519MlKem768 = 0x11ec

/** Room for HMAC's inner block. */
const block = 64
const randomAt = block + recordHeader + 4 + 2
const handshakeAt = block + recordHeader
const leastSigned = randomAt + 32 - block

/**
 * Joins the records of a hello of `length` bytes (from `helloLength` or `signedRecord`) behind the first one's header.
 * Null when they end before the random does. Keeps no reference to `bytes`.
 */
export const sealedHello = (bytes: Buffer, length: number): Sealed | null => {
  const whole = Buffer.allocUnsafe(block + length)
  let end = handshakeAt
  for (let at = 0; at < length; ) {
    const record = bytes.readUInt16BE(at + 3)
    bytes.copy(whole, end, at + recordHeader, at + recordHeader + record)
    end += record
    at += recordHeader + record
  }
  if (end < randomAt + 32) return null
  bytes.copy(whole, block, 0, 3)
  whole.writeUInt16BE(end - handshakeAt, block + 3)
  const random = Buffer.from(whole.subarray(randomAt, randomAt + 32))
  whole.fill(0, randomAt, randomAt + 32)
  return { digested: whole.subarray(0, end), random }
}

type Draft = { -readonly [K in keyof Hello]: Hello[K] }

const pairs = (hello: Draft, bytes: Buffer): number[] => {
  if (bytes.length % 2 !== 0) hello.form = 'odd'
  const numbers: number[] = []
  for (let at = 0; at + 1 < bytes.length; at += 2) numbers.push(bytes.readUInt16BE(at))
  return numbers
}

/** The list after its length of `prefix` bytes. A length that does not fill the extension is odd. */
const list = (hello: Draft, content: Buffer, prefix: 1 | 2): Buffer => {
  const size = content.length < prefix ? -1 : content.readUIntBE(0, prefix)
  if (size !== content.length - prefix) hello.form = 'odd'
  return content.subarray(prefix, prefix + Math.max(0, size))
}

/** Every character of a host name, and more. Not zero, which a wrong length adds to a name. */
const hostName = /^[\x21-\x7e]+$/

/** Null where a length is wrong: gotd/td counts four bytes of the next extension in the name. */
const nameIn = (hello: Draft, content: Buffer): string | null => {
  // One list with one name of type 0: programs use no other shape.
  const r = new Reader(content)
  const fits = r.u16() === content.length - 2 && r.u8() === 0
  const name = r.take(r.u16()).toString('latin1')
  const right = fits && r.ok && r.at === content.length && hostName.test(name)
  if (!right) hello.form = 'odd'
  return right ? name : null
}

const keySharesIn = (hello: Draft, content: Buffer): KeyShare[] => {
  const shares: KeyShare[] = []
  list(hello, content, 2)
  // Reads to the end of the extension: the length of the list may be wrong.
  const r = new Reader(content, 2)
  while (r.at < content.length) {
    const share = { group: r.u16(), key: r.take(r.u16()) }
    if (!r.ok) {
      hello.form = 'odd'
      break
    }
    shares.push(share)
  }
  return shares
}

const needed: ReadonlySet<number> = new Set([0x0000, 0x000a, 0x000d, 0x0010, 0x002b, 0x0033])

const readExtension = (type: number, content: Buffer, hello: Draft): void => {
  switch (type) {
    case 0x0000:
      hello.serverName = nameIn(hello, content)
      return
    case 0x000a:
      hello.groups = pairs(hello, list(hello, content, 2))
      return
    case 0x000d:
      hello.signatureAlgorithms = pairs(hello, list(hello, content, 2))
      return
    case 0x0010: {
      const protocols = list(hello, content, 2)
      const first = protocols.subarray(1, 1 + (protocols[0] ?? 0))
      if (protocols.length === 0 || first.length !== protocols[0]) hello.form = 'odd'
      hello.alpn = first
      return
    }
    case 0x002b:
      hello.versions = pairs(hello, list(hello, content, 1))
      return
    case 0x0033:
      hello.keyShares = keySharesIn(hello, content)
  }
}

const readExtensions = (hello: Draft, block: Buffer): number[] => {
  const types: number[] = []
  const seen = new Set<number>()
  let at = 0
  while (block.length - at >= 4) {
    const type = block.readUInt16BE(at)
    const end = at + 4 + block.readUInt16BE(at + 2)
    types.push(type)
    if (end > block.length || seen.has(type)) hello.form = 'odd'
    // A view costs more than the rest of this loop: made only where needed.
    if (needed.has(type) && !seen.has(type)) readExtension(type, block.subarray(at + 4, end), hello)
    seen.add(type)
    at = end
  }
  if (at < block.length) hello.form = 'odd'
  return types
}

/**
 * Reads the fields that the answer and the fingerprint need, leniently: the first of a repeated extension, and as many bytes
 * as there are after a wrong length. Never throws and checks every length; `form` reports deviations.
 */
export const readClientHello = (sealed: Sealed): Hello => {
  const whole = sealed.digested
  const end = whole.length
  const hello: Draft = {
    ...sealed,
    form: 'right',
    sessionId: whole.subarray(end),
    legacyVersion: 0,
    cipherSuites: [],
    extensions: [],
    serverName: null,
    versions: [],
    groups: [],
    signatureAlgorithms: [],
    alpn: null,
    keyShares: [],
  }
  const r = new Reader(whole, handshakeAt)
  if (r.u8() !== 1) hello.form = 'odd'
  if (r.u24() !== end - r.at) hello.form = 'odd'
  hello.legacyVersion = r.u16()
  r.take(32)
  const sessionLength = r.u8()
  if (sessionLength > 32) hello.form = 'odd'
  // May be cut off.
  hello.sessionId = whole.subarray(r.at, r.at + sessionLength)
  r.take(sessionLength)
  hello.cipherSuites = pairs(hello, r.take(r.u16()))
  r.take(r.u8()) // compression methods
  // Reads extensions to the end of the message: the length of their block may be wrong.
  if (r.u16() !== end - r.at) hello.form = 'odd'
  if (r.ok) hello.extensions = readExtensions(hello, whole.subarray(r.at))
  if (!r.ok) hello.form = 'unreadable'
  return hello
}

/**
 * The 28 bytes of a signed hello for a replay cache. The other 4 bytes of the random are the time, which is not signed: an
 * attacker can change it, and the hello would pass as new if they were part of the key.
 */
export const signatureOf = (hello: Sealed): Buffer => hello.random.subarray(0, 28)

// HMAC's outer block and the inner digest behind it.
const outer = Buffer.alloc(block + 32)
const digest = Buffer.alloc(32)
const signature = Buffer.alloc(32)
const digestHead = digest.subarray(0, 28)
const signatureHead = signature.subarray(0, 28)

/**
 * The client's unix time in seconds when this secret signed the hello; null if it did not. The random is
 * HMAC-SHA256(secret, the hello as one record with the random zeroed), its last 4 bytes XORed with the time, little-endian.
 */
export const signedBy = (hello: Sealed, secret: Buffer): number | null => {
  const inner = hello.digested
  // HMAC by two one-shot hashes: `createHmac` costs half as much again, and this runs once for each user.
  inner.fill(0x36, 0, block)
  outer.fill(0x5c, 0, block)
  for (let i = 0; i < secret.length && i < block; i++) {
    inner[i]! ^= secret[i]!
    outer[i]! ^= secret[i]!
  }
  outer.write(hash('sha256', inner, 'latin1'), block, 'latin1')
  digest.write(hash('sha256', outer, 'latin1'), 'latin1')
  hello.random.copy(signature)
  if (!timingSafeEqual(digestHead, signatureHead)) return null
  return (digest.readUInt32LE(28) ^ signature.readUInt32LE(28)) >>> 0
}
