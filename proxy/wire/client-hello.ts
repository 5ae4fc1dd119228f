import { hash, timingSafeEqual } from 'node:crypto'
import { Reader } from './reader.ts'

// https://www.rfc-editor.org/rfc/rfc8446#section-4.1.2

/** A ClientHello's handshake message, its 4-byte header included. Post-quantum browsers send 1.8 kB. */
export const maxHello = 4096
/** Tools against censorship cut a hello into a few records; nobody needs more. */
const maxRecords = 32
const recordHeader = 5
/** The most bytes `helloLength` can ask to wait for. */
export const maxHelloOnWire = maxHello + maxRecords * recordHeader

const maxExtensions = 64

/**
 * How many of the first `length` bytes of `buffer` are the ClientHello, record headers included, when it is complete.
 * Foreign bytes are told from the first one on. The message may span records, but its last record must end with it.
 */
export const helloLength = (buffer: Buffer, length: number): number | 'more' | 'not-tls' | 'too-long' => {
  let wanted = 4
  let got = 0
  let at = 0
  let type = 0
  let size = 0
  for (let records = 0; got < wanted; records++) {
    if (records === maxRecords) return 'too-long'
    if (at < length && buffer[at] !== 0x16) return 'not-tls'
    if (at + 1 < length && buffer[at + 1] !== 3) return 'not-tls'
    if (at + 2 < length && buffer[at + 2]! > 4) return 'not-tls'
    if (at + recordHeader > length) return 'more'
    const record = buffer.readUInt16BE(at + 3)
    if (record === 0) return 'not-tls'
    if (got + record > maxHello) return 'too-long'
    at += recordHeader
    // The message's own header: one type and three length bytes, in whichever records they are.
    for (let i = got; i < 4 && i < got + record && at + i - got < length; i++) {
      const byte = buffer[at + i - got]!
      if (i === 0) type = byte
      else size = (size << 8) | byte
      if (type !== 1) return 'not-tls'
      if (i === 3) wanted += size
    }
    if (wanted > maxHello) return 'too-long'
    if (at + record > length) return 'more'
    at += record
    got += record
  }
  return got === wanted ? at : 'not-tls'
}

export type Hello = {
  /** As one record, whatever it came in, with the random zeroed, behind 64 bytes of room: what `signedBy` digests. */
  readonly digested: Buffer
  readonly random: Buffer
  readonly sessionId: Buffer
  readonly legacyVersion: number
  readonly cipherSuites: readonly number[]
  /** In the order sent, GREASE included. */
  readonly extensions: readonly number[]
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

/** Puts the records' payloads together behind the first record's header. */
const reassemble = (bytes: Buffer, length: number): Buffer => {
  const whole = Buffer.allocUnsafe(block + length)
  let end = handshakeAt
  for (let at = 0; at < length; ) {
    const record = bytes.readUInt16BE(at + 3)
    bytes.copy(whole, end, at + recordHeader, at + recordHeader + record)
    end += record
    at += recordHeader + record
  }
  bytes.copy(whole, block, 0, 3)
  whole.writeUInt16BE(end - handshakeAt, block + 3)
  return whole.subarray(0, end)
}

type Draft = { -readonly [K in keyof Hello]: Hello[K] }

const keySharesUpTo = (r: Reader, end: number): KeyShare[] => {
  const shares: KeyShare[] = []
  while (r.ok && r.at < end) shares.push({ group: r.u16(), key: r.take(r.u16()) })
  return shares
}

/** Reads the extension's content. Whether it ended where its length said is the caller's to check. */
const readExtension = (type: number, r: Reader, end: number, hello: Draft): void => {
  switch (type) {
    case 0x0000:
      // One list of one name of type 0: other shapes were never used.
      if (r.u16() === end - r.at && r.u8() === 0) hello.serverName = r.take(r.u16()).toString('latin1')
      return
    case 0x000a:
      hello.groups = r.numbers(r.u16())
      return
    case 0x000d:
      hello.signatureAlgorithms = r.numbers(r.u16())
      return
    case 0x0010:
      if (r.u16() === end - r.at) hello.alpn = r.take(r.u8())
      break
    case 0x002b:
      hello.versions = r.numbers(r.u8())
      return
    case 0x0033:
      if (r.u16() === end - r.at) hello.keyShares = keySharesUpTo(r, end)
      return
  }
  r.take(end - r.at)
}

const parse = (whole: Buffer): Hello | null => {
  const end = whole.length
  const r = new Reader(whole, handshakeAt + 4)
  const legacyVersion = r.u16()
  const random = Buffer.from(r.take(32))
  const sessionId = r.take(r.u8())
  const cipherSuites = r.numbers(r.u16())
  r.take(r.u8()) // compression methods
  if (r.u16() !== end - r.at || sessionId.length > 32) return null
  const extensions: number[] = []
  const hello: Draft = {
    digested: whole,
    random,
    sessionId,
    legacyVersion,
    cipherSuites,
    extensions,
    serverName: null,
    versions: [],
    groups: [],
    signatureAlgorithms: [],
    alpn: null,
    keyShares: [],
  }
  while (r.ok && r.at < end) {
    const type = r.u16()
    const size = r.u16()
    const extensionEnd = r.at + size
    if (extensions.length === maxExtensions || extensions.includes(type) || extensionEnd > end) return null
    extensions.push(type)
    readExtension(type, r, extensionEnd, hello)
    if (r.at !== extensionEnd) return null
  }
  if (!r.ok) return null
  whole.fill(0, randomAt, randomAt + 32)
  return hello
}

/**
 * Reads a complete ClientHello of `length` bytes, as counted by `helloLength`. The result keeps nothing of `bytes`.
 * Not every oddity is an error, but every length is checked.
 */
export const parseClientHello = (bytes: Buffer, length: number): Hello | { error: 'malformed' } => {
  if (helloLength(bytes, length) !== length) return { error: 'malformed' }
  return parse(reassemble(bytes, length)) ?? { error: 'malformed' }
}

/**
 * What a replay cache must remember of a signed hello: 28 bytes. The other 4 of the random are the time, which nothing
 * signs: who recorded a hello can make it any other time's, and would so pass for new if they were remembered too.
 */
export const signatureOf = (hello: Hello): Buffer => hello.random.subarray(0, 28)

// HMAC's outer block and the inner digest behind it.
const outer = Buffer.alloc(block + 32)
const digest = Buffer.alloc(32)
const signature = Buffer.alloc(32)
const digestHead = digest.subarray(0, 28)
const signatureHead = signature.subarray(0, 28)

/**
 * When this secret signed the hello: unix time in seconds as its client's clock says; null if it did not.
 * The random is HMAC-SHA256(secret, the hello as one record with the random zeroed), its last 4 bytes XORed with the
 * time, little-endian. A client signs the one record it makes; who cuts it up later on the way does not sign again.
 */
export const signedBy = (hello: Hello, secret: Buffer): number | null => {
  const inner = hello.digested
  // HMAC by two one-shot hashes: `createHmac` costs half as much again, and this is asked once per user.
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
