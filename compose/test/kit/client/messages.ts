import { generatePrimeSync, randomBytes } from 'node:crypto'

/**
 * The payloads of the frames: the unencrypted messages of MTProto's key exchange, and a test protocol that looks like
 * encrypted traffic to a relay (`auth_key_id` is not zero).
 */

// https://core.telegram.org/mtproto/auth_key#dh-exchange-initiation
const reqPqMulti = 0xbe7e8ef1
const resPqId = 0x05162463
const vectorId = 0x1cb5c415
// Telegram's published keys: a client that checks them accepts the answer.
const fingerprints = [0xd09d1d85de64fd85n, 0xc3b42b026ce86b21n]
const testKeyId = Buffer.from('mtscope!')

export type ResPq = { kind: 'res-pq'; nonce: Buffer; serverNonce: Buffer; pq: bigint; fingerprints: bigint[] }
export type Message =
  | ResPq
  | { kind: 'req-pq'; nonce: Buffer }
  | { kind: 'test'; op: number; body: Buffer }
  /** Any other unencrypted message, by its constructor: a client that accepts the `resPQ` continues with one. */
  | { kind: 'other'; constructor: number; data: Buffer }
  /** A transport error: -404, -429 … */
  | { kind: 'error'; code: number }

let lastMessageId = 0n

// Unix time << 32, increasing; modulo 4 it is 0 from a client and 1 in an answer.
const messageId = (remainder: bigint): bigint => {
  const now = ((BigInt(Date.now()) << 32n) / 1000n) & ~3n
  lastMessageId = now > lastMessageId ? now : lastMessageId + 4n
  return lastMessageId | remainder
}

const unencrypted = (data: Buffer, remainder: bigint): Buffer => {
  const head = Buffer.alloc(20)
  head.writeBigInt64LE(messageId(remainder), 8)
  head.writeUInt32LE(data.length, 16)
  return Buffer.concat([head, data])
}

export const askPq = (nonce: Buffer): Buffer => {
  const id = Buffer.alloc(4)
  id.writeUInt32LE(reqPqMulti)
  return unencrypted(Buffer.concat([id, nonce]), 0n)
}

const prime = (): bigint => generatePrimeSync(31, { bigint: true })
let factors: { p: bigint; q: bigint } | undefined

const pq = (): bigint => {
  // One pair for the whole run: finding primes for each probe would cost more than the rest of the datacenter.
  while (!factors || factors.p === factors.q) factors = { p: prime(), q: prime() }
  return factors.p * factors.q
}

export const answerPq = (nonce: Buffer): Buffer => {
  const data = Buffer.alloc(4 + 16 + 16 + 12 + 8 + fingerprints.length * 8)
  data.writeUInt32LE(resPqId, 0)
  nonce.copy(data, 4)
  randomBytes(16).copy(data, 20)
  data[36] = 8
  data.writeBigUInt64BE(pq(), 37)
  data.writeUInt32LE(vectorId, 48)
  data.writeUInt32LE(fingerprints.length, 52)
  fingerprints.forEach((fingerprint, i) => {
    data.writeBigUInt64LE(fingerprint, 56 + i * 8)
  })
  return unencrypted(data, 1n)
}

/** One message of the test protocol. The body has at most 64 KiB, so that any transport carries it. */
export const testMessage = (op: number, body: Buffer): Buffer => {
  const message = Buffer.alloc(16 + Math.ceil(body.length / 4) * 4)
  testKeyId.copy(message)
  message.writeUInt32LE(op, 8)
  message.writeUInt32LE(body.length, 12)
  body.copy(message, 16)
  return message
}

/** Parses a payload; padding behind it is ignored. Throws on any other content, as wrong keys or a wrong order give. */
export const readMessage = (payload: Buffer): Message => {
  if (payload.length < 20 && payload.length >= 4 && payload.readInt32LE(0) < 0)
    return { kind: 'error', code: payload.readInt32LE(0) }
  if (payload.length >= 16 && payload.subarray(0, 8).equals(testKeyId)) {
    const length = payload.readUInt32LE(12)
    if (16 + length > payload.length) throw new Error('a test message is cut short')
    return { kind: 'test', op: payload.readUInt32LE(8), body: payload.subarray(16, 16 + length) }
  }
  if (payload.length < 24 || payload.readBigUInt64LE(0) !== 0n)
    throw new Error(`${payload.length} bytes are not a message`)
  const length = payload.readUInt32LE(16)
  const data = payload.subarray(20, 20 + length)
  if (data.length !== length) throw new Error('an unencrypted message is cut short')
  return readUnencrypted(data)
}

const readUnencrypted = (data: Buffer): Message => {
  const id = data.readUInt32LE(0)
  if (id === reqPqMulti && data.length === 20) return { kind: 'req-pq', nonce: Buffer.from(data.subarray(4)) }
  if (id !== resPqId) return { kind: 'other', constructor: id, data: Buffer.from(data) }
  if (data.length < 56) throw new Error('a resPQ is cut short')
  if (data[36] !== 8 || data.readUInt32LE(48) !== vectorId) throw new Error('a malformed resPQ')
  const count = (data.length - 56) / 8
  if (data.readUInt32LE(52) !== count) throw new Error('a malformed vector of fingerprints')
  return {
    kind: 'res-pq',
    nonce: Buffer.from(data.subarray(4, 20)),
    serverNonce: Buffer.from(data.subarray(20, 36)),
    pq: data.readBigUInt64BE(37),
    fingerprints: Array.from({ length: count }, (_, i) => data.readBigUInt64LE(56 + i * 8)),
  }
}
