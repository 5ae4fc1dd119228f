import { randomBytes } from 'node:crypto'
import { type Hello, sign, x25519, x25519MlKem768 } from './client-hello.ts'

// Unusual hellos: those of real clients with their bugs, and invented ones. Each is signed, so the proxy must answer it.

type Extension = { type: number; body: Buffer }

/** A parsed hello: its message up to the compression methods, and its extensions. */
export type Parts = { head: Buffer; extensions: Extension[] }

const u16 = (value: number): Buffer => Buffer.from([(value >> 8) & 0xff, value & 0xff])
const sized = (bytes: Buffer): Buffer => Buffer.concat([u16(bytes.length), bytes])

const suitesAt = 9 + 2 + 32 + 1 + 32

/** Parses a well-formed hello of one record with a session id of 32 bytes. */
export const partsOf = (bytes: Buffer): Parts => {
  const headEnd = suitesAt + 2 + bytes.readUInt16BE(suitesAt) + 2
  const extensions: Extension[] = []
  for (let at = headEnd + 2; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt16BE(at + 2)
    extensions.push({ type: bytes.readUInt16BE(at), body: bytes.subarray(at + 4, end) })
    at = end
  }
  return { head: bytes.subarray(9, headEnd), extensions }
}

/** Builds a hello. Every length is right, except that the length of the extensions is off by `block`. */
export const helloOf = ({ head, extensions }: Parts, block = 0, record = 0x0301): Buffer => {
  const listed = Buffer.concat(extensions.map(({ type, body }) => Buffer.concat([u16(type), sized(body)])))
  const message = Buffer.concat([head, u16(listed.length + block), listed])
  const handshake = Buffer.concat([Buffer.from([1, 0]), sized(message)])
  return Buffer.concat([Buffer.from([0x16]), u16(record), sized(handshake)])
}

/** The same hello with other bytes, signed again. */
export const signedAgain = (hello: Hello, bytes: Buffer, secret: Buffer, at = Date.now() / 1000): Hello => {
  const signed = Buffer.from(bytes)
  signed.fill(0, 11, 43)
  sign(signed, secret, Math.floor(at))
  const sessionId = signed.subarray(44, 44 + Math.min(signed[43] ?? 0, 32))
  // The proxy answers with X25519 where no share of the client fits, and with P-256 where the client has no other share.
  const groups = [...hello.groups, x25519, 0x0017]
  return { bytes: signed, random: signed.subarray(11, 43), sessionId, groups }
}

const extended = (bytes: Buffer, ...more: Extension[]): Buffer => {
  const { head, extensions } = partsOf(bytes)
  return helloOf({ head, extensions: [...extensions, ...more] })
}

const changed = (bytes: Buffer, type: number, change: (body: Buffer) => Buffer | null): Buffer => {
  const { head, extensions } = partsOf(bytes)
  return helloOf({
    head,
    extensions: extensions.flatMap((extension) => {
      const body = extension.type === type ? change(Buffer.from(extension.body)) : extension.body
      return body === null ? [] : [{ type: extension.type, body }]
    }),
  })
}

const spoilt = (body: Buffer, at: number, by: number): Buffer => {
  body.writeUInt16BE((body.readUInt16BE(at) + by) & 0xffff, at)
  return body
}

/** Key shares of these lengths, of random bytes. */
const shares = (...offered: (readonly [number, number])[]): Buffer =>
  sized(Buffer.concat(offered.map(([group, size]) => Buffer.concat([u16(group), sized(randomBytes(size))]))))

const withSession = (bytes: Buffer, size: number): Buffer => {
  const { head, extensions } = partsOf(bytes)
  const session = Buffer.concat([Buffer.from([size]), randomBytes(size)])
  return helloOf({ head: Buffer.concat([head.subarray(0, 34), session, head.subarray(67)]), extensions })
}

const filled = (bytes: Buffer, length: number): Buffer =>
  extended(bytes, { type: 0x7777, body: Buffer.alloc(length - bytes.length - 4) })

/** The first bytes of a hello, with lengths that match. */
const cut = (bytes: Buffer, length: number): Buffer => {
  const copy = Buffer.from(bytes.subarray(0, length))
  copy.writeUInt16BE(length - 5, 3)
  copy.writeUIntBE(length - 9, 6, 3)
  return copy
}

/**
 * The hello of gotd/td: without GREASE but with lengths that include it, and a last extension without a length. In older
 * versions each length of the server name was `off` bytes too long.
 */
const gotd = (bytes: Buffer, off: 0 | 4): Buffer => {
  const body = Buffer.from(partsOf(bytes).extensions.find(({ type }) => type === 0)!.body)
  for (const at of [0, 3]) body.writeUInt16BE(body.readUInt16BE(at) + off, at)
  const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
  const made = Buffer.concat([
    hex('1603010200 010001fc 0303'),
    Buffer.alloc(32),
    bytes.subarray(43, suitesAt),
    hex('0020 130113021303c02bc02fc02cc030cca9cca8c013c014009c009d002f0035 0100 0193 0000 0000'),
    u16(body.length + off),
    body,
    hex('00170000 ff01000100 000a000a0008 001d00170018 000b00020100 00230000'),
    hex('0010000e000c02683208687474702f312e31 00050005 0100000000'),
    hex('000d00120010 0403080404010503080505010806060100120000 0033002b0029 000100 001d0020'),
    Buffer.alloc(32),
    hex('002d00020101 002b000b0a 0304030303020301 001b0003020002 000100 0015'),
  ])
  return Buffer.concat([made, Buffer.alloc(517 - made.length)])
}

export const oddHellos: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  'two extensions 0x0a0a': (bytes) =>
    extended(bytes, { type: 0x0a0a, body: Buffer.alloc(0) }, { type: 0x0a0a, body: Buffer.alloc(1) }),
  'every extension twice': (bytes) => {
    const { head, extensions } = partsOf(bytes)
    return helloOf({ head, extensions: [...extensions, ...extensions] })
  },
  '100 extensions': (bytes) =>
    extended(bytes, ...Array.from({ length: 100 }, (_, i) => ({ type: 0x6000 + i, body: randomBytes(i) }))),
  'no extension': (bytes) => helloOf({ head: partsOf(bytes).head, extensions: [] }),
  'no block of extensions': (bytes) => {
    const { head } = partsOf(bytes)
    const handshake = Buffer.concat([Buffer.from([1, 0]), sized(head)])
    return Buffer.concat([Buffer.from([0x16, 3, 1]), sized(handshake)])
  },
  'a block of extensions too short': (bytes) => helloOf(partsOf(bytes), -7),
  'a block of extensions too long': (bytes) => helloOf(partsOf(bytes), 300),
  'a list of groups too long': (bytes) => changed(bytes, 0x000a, (body) => spoilt(body, 0, 2)),
  'a list of groups of odd length': (bytes) => changed(bytes, 0x000a, (body) => spoilt(body, 0, -1)),
  'a list of names too long': (bytes) => changed(bytes, 0, (body) => spoilt(body, 0, 9)),
  'a list of shares too long': (bytes) => changed(bytes, 0x0033, (body) => spoilt(body, 0, 9)),
  'a share too long': (bytes) => changed(bytes, 0x0033, (body) => spoilt(body, 4, 5000)),
  'bytes behind the extensions': (bytes) => {
    const longer = Buffer.concat([bytes, Buffer.from([1, 2, 3])])
    longer.writeUInt16BE(longer.length - 5, 3)
    return longer
  },
  'a message longer than its record': (bytes) => {
    const copy = Buffer.from(bytes)
    copy.writeUIntBE(bytes.length, 6, 3)
    return copy
  },
  'a message of 16 MiB': (bytes) => {
    const copy = Buffer.from(bytes)
    copy.writeUIntBE(0xffffff, 6, 3)
    return copy
  },
  'an empty message': (bytes) => {
    const copy = Buffer.from(bytes)
    copy.writeUIntBE(0, 6, 3)
    return copy
  },
  'another message': (bytes) => {
    const copy = Buffer.from(bytes)
    copy[5] = 2
    return copy
  },
  '5,000 bytes': (bytes) => filled(bytes, 5_000),
  'a record of 16 KiB': (bytes) => filled(bytes, 5 + 16_384),
  'no key share': (bytes) => changed(bytes, 0x0033, () => null),
  'an empty list of shares': (bytes) => changed(bytes, 0x0033, () => Buffer.alloc(2)),
  'a share of P-256 only': (bytes) => changed(bytes, 0x0033, () => shares([0x0017, 65])),
  'an X25519 share of 31 bytes': (bytes) => changed(bytes, 0x0033, () => shares([x25519, 31])),
  'an ML-KEM share of noise': (bytes) =>
    changed(bytes, 0x0033, () => shares([x25519MlKem768, 1216], [x25519, 32])),
  'an ML-KEM share of noise alone': (bytes) => changed(bytes, 0x0033, () => shares([x25519MlKem768, 1216])),
  'no groups': (bytes) => changed(bytes, 0x000a, () => null),
  'no TLS 1.3': (bytes) => changed(bytes, 0x002b, () => Buffer.from('020303', 'hex')),
  'versions that do not exist': (bytes) => changed(bytes, 0x002b, () => Buffer.from('0403997f17', 'hex')),
  'no versions': (bytes) => changed(bytes, 0x002b, () => null),
  'a record of version 0x0399': (bytes) => helloOf(partsOf(bytes), 0, 0x0399),
  'a message of version 0x9999': (bytes) => {
    const copy = Buffer.from(bytes)
    copy.writeUInt16BE(0x9999, 9)
    return copy
  },
  'no server name': (bytes) => changed(bytes, 0, () => null),
  'an empty server name': (bytes) => changed(bytes, 0, () => Buffer.from('0003000000', 'hex')),
  'a session id of 48 bytes': (bytes) => withSession(bytes, 48),
  'no session id': (bytes) => withSession(bytes, 0),
  'a session id that never ends': (bytes) => {
    const copy = cut(bytes, 90)
    copy[43] = 255
    return copy
  },
  'no suite of TLS 1.3': (bytes) => {
    const copy = Buffer.from(bytes)
    copy.fill(0x5a, suitesAt + 2, suitesAt + 2 + copy.readUInt16BE(suitesAt))
    return copy
  },
  'half a suite': (bytes) => {
    const copy = Buffer.from(bytes)
    copy.writeUInt16BE(copy.readUInt16BE(suitesAt) - 1, suitesAt)
    return copy
  },
  // They belong to the session id. Without them two hellos of the same second would be the same bytes, a replay.
  'eight bytes behind its random': (bytes) => cut(bytes, 52),
  'as gotd/td 0.102 makes it': (bytes) => gotd(bytes, 4),
  'as gotd/td makes it': (bytes) => gotd(bytes, 0),
}
