import { hash } from 'node:crypto'
import type { Transport } from '../events/contract.ts'
import { makeCipher } from './cipher.ts'
import { testDatacenters } from './datacenter-number.ts'
import type { Fill } from './random.ts'

// https://core.telegram.org/mtproto/mtproto-transports#transport-obfuscation
//
//   0        8                       40          56    60   62   64
//   | random | key client → proxy    | IV        | tag | dc | .. |
//            |<- reversed: key ‖ IV of the other way ->|
//
// Bytes 0–55 travel in clear, 56–63 encrypted. With a secret, each key is SHA-256(key ‖ secret).

export const payloadLength = 64

const tags: Record<Transport, number> = {
  abridged: 0xefefefef,
  intermediate: 0xeeeeeeee,
  'padded-intermediate': 0xdddddddd,
}

const transportOf = (tag: number): Transport | null => {
  switch (tag) {
    case tags.abridged:
      return 'abridged'
    case tags.intermediate:
      return 'intermediate'
    case tags['padded-intermediate']:
      return 'padded-intermediate'
    default:
      return null
  }
}

// First four bytes, as big-endian numbers: HEAD, POST, GET_, OPTI, two transports' tags, a TLS record.
const reserved = new Set([0x48454144, 0x504f5354, 0x47455420, 0x4f505449, 0xdddddddd, 0xeeeeeeee, 0x16030102])

/** Whether another transport starts with these 8 bytes, so that an obfuscated connection may not. */
export const reservedStart = (bytes: Buffer): boolean => reservedWord(bytes) || bytes.readUInt32LE(4) === 0

/** `reservedStart` for the first 4 bytes. */
export const reservedWord = (bytes: Buffer): boolean =>
  bytes[0] === 0xef || reserved.has(bytes.readUInt32BE(0))

/** The content of a client's payload. Each IV is positioned at the next byte: after the payload for the client's. */
export type Opening = {
  transport: Transport
  /** The int16 as sent, see `dcOf`. */
  dc: number
  /** client → proxy: decrypts what follows the 64 bytes. */
  clientKey: Buffer
  clientIv: Buffer
  /** proxy → client: encrypts from the first byte on. */
  proxyKey: Buffer
  proxyIv: Buffer
}

// Scratch of `openPayload`, which runs once per user for each unauthenticated client.
const seed = Buffer.alloc(48)
const key = Buffer.alloc(32)
const counter = Buffer.alloc(16)
const last = Buffer.alloc(16)

// A digest as latin1 text costs a fifth of one as a Buffer.
const digestInto = (target: Buffer): void => {
  target.write(hash('sha256', seed, 'latin1'), 'latin1')
}

/** AES-256-CTR from the start of a key stream, in place. */
const crypt = (bytes: Buffer, key: Buffer, iv: Buffer): void => {
  const cipher = makeCipher(key, iv)
  cipher.apply(bytes, 0, bytes.length)
  cipher.free()
}

/** Advances AES-CTR's big-endian counter by `blocks` of 16 bytes, in place. */
const advance = (iv: Buffer, blocks: number): Buffer => {
  let carry = blocks
  for (let i = 15; carry > 0 && i >= 0; i--) {
    carry += iv[i]!
    iv[i] = carry & 0xff
    carry >>>= 8
  }
  return iv
}

const reversed = (source: Buffer, from: number, to: number): Buffer => {
  const result = Buffer.allocUnsafe(to - from)
  for (let i = 0; i < result.length; i++) result[i] = source[to - 1 - i]!
  return result
}

/** Opens a client's 64-byte payload with one user's secret; null if it is another user's. */
export const openPayload = (payload: Buffer, secret: Buffer): Opening | null => {
  if (payload.length < payloadLength || secret.length !== 16) return null
  payload.copy(seed, 0, 8, 40)
  secret.copy(seed, 32)
  digestInto(key)
  // Tag and datacenter are in the last of four blocks: decrypts only that one.
  payload.copy(counter, 0, 40, 56)
  payload.copy(last, 0, 48, 64)
  crypt(last, key, advance(counter, 3))
  const transport = transportOf(last.readUInt32LE(8))
  if (transport === null) return null

  const clientKey = Buffer.from(key)
  const clientIv = Buffer.from(advance(counter, 1))
  reversed(payload, 24, 56).copy(seed)
  const proxyKey = Buffer.allocUnsafe(32)
  digestInto(proxyKey)
  return {
    transport,
    dc: last.readInt16LE(12),
    clientKey,
    clientIv,
    proxyKey,
    proxyIv: reversed(payload, 8, 24),
  }
}

export type Dc = {
  /** Without sign: 2, 10002 for test datacenter 2. */
  dc: number
  /** Asked for by the negative number. */
  media: boolean
  /** Key of the directory (2, -2, 10002, -10002); null for a number that no datacenter has. */
  id: number | null
}

/** The datacenter that a client asks for by the int16 at offset 60. */
export const dcOf = (sent: number): Dc => {
  const dc = Math.abs(sent)
  const number = dc >= testDatacenters ? dc - testDatacenters : dc
  return { dc, media: sent < 0, id: number >= 1 && number < 1000 ? sent : null }
}

/** The proxy's own opening to a datacenter. Each IV is positioned at the next byte. */
export type OwnOpening = {
  /** The 64 bytes to send. */
  payload: Buffer
  /** proxy → datacenter, after the 64 bytes. */
  encryptKey: Buffer
  encryptIv: Buffer
  /** datacenter → proxy, from the first byte on. */
  decryptKey: Buffer
  decryptIv: Buffer
}

/** Scratch of `openingFor`. */
const keyStream = Buffer.alloc(payloadLength)

/**
 * The header that opens a connection to a datacenter, without a secret. With `fast`, the datacenter encrypts with that key
 * and IV, with which the client decrypts, so that its bytes can pass untouched.
 */
export const openingFor = (options: {
  tag: Transport
  dc: number
  fast: { key: Buffer; iv: Buffer } | null
  random: Fill
}): OwnOpening => {
  const { tag, dc, fast, random } = options
  const payload = Buffer.allocUnsafe(payloadLength)
  random(payload, 8, payloadLength)
  if (fast) {
    for (let i = 0; i < 32; i++) payload[55 - i] = fast.key[i]!
    for (let i = 0; i < 16; i++) payload[23 - i] = fast.iv[i]!
  }
  payload.writeUInt32LE(tags[tag], 56)
  payload.writeInt16LE(dc, 60)

  const encryptKey = Buffer.from(payload.subarray(8, 40))
  const encryptIv = Buffer.from(payload.subarray(40, 56))
  keyStream.fill(0)
  crypt(keyStream, encryptKey, encryptIv)
  for (let i = 56; i < payloadLength; i++) payload[i]! ^= keyStream[i]!
  drawStart(payload, random)
  return {
    payload,
    encryptKey,
    encryptIv: advance(encryptIv, 4),
    decryptKey: reversed(payload, 24, 56),
    decryptIv: reversed(payload, 8, 24),
  }
}

const masked = Buffer.alloc(8)

// Neither the bytes on the wire nor their encrypted form may start as another transport does.
const drawStart = (payload: Buffer, random: Fill): void => {
  do {
    random(payload, 0, 8)
    for (let i = 0; i < 8; i++) masked[i] = payload[i]! ^ keyStream[i]!
  } while (reservedStart(payload) || reservedStart(masked))
}
