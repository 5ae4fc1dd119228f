import type { Transport } from '../events/contract.ts'
import type { RpcEnd } from './rpc-keys.ts'

// The payloads of frames between a proxy and a middle proxy: MTProxy, mtproto/mtproto-common.h and net/net-tcp-rpc-common.h.

/** The first four bytes of a payload. */
export const rpc = {
  nonce: 0x7acb87aa,
  handshake: 0x7682eef5,
  /** A client's message, to Telegram. */
  request: 0x36cef1ee,
  /** A message for a client, from Telegram. */
  answer: 0x4403da0d,
  /** A quick acknowledgement for a client. */
  acknowledgement: 0x3bac409b,
  /** To Telegram: the client has gone. */
  clientGone: 0x1fcf425d,
  /** From Telegram: it has closed the client's connection. */
  closed: 0x5eb634a2,
  ping: 0x5730a2df,
  pong: 0x8430eaa7,
} as const

/** Of the nonce message: AES-256-CBC. */
const aes = 1
export const nonceLength = 16
const nonceMessage = 32
const handshakeMessage = 32
const keySelectorLength = 4

/** The middle proxy of Telegram compares neither process id; these 12 bytes are what other proxies send. */
const processId = Buffer.from('IPIPPRPDTIME', 'latin1')

/** `time`: seconds. The key selector is the start of the secret. */
export const nonceOf = (secret: Buffer, time: number, nonce: Buffer): Buffer => {
  const message = Buffer.alloc(nonceMessage)
  message.writeUInt32LE(rpc.nonce, 0)
  secret.copy(message, 4, 0, keySelectorLength)
  message.writeUInt32LE(aes, 8)
  message.writeUInt32LE(time >>> 0, 12)
  nonce.copy(message, 16, 0, nonceLength)
  return message
}

export type NonceReading =
  | { readonly ok: true; readonly nonce: Buffer }
  | { readonly ok: false; readonly reason: 'not-a-nonce' | 'other-secret' | 'no-encryption' }

/** The middle proxy's nonce message. `other-secret`: it has another secret than ours. */
export const readNonce = (payload: Buffer, secret: Buffer): NonceReading => {
  if (payload.length !== nonceMessage || payload.readUInt32LE(0) !== rpc.nonce)
    return { ok: false, reason: 'not-a-nonce' }
  if (payload.compare(secret, 0, keySelectorLength, 4, 4 + keySelectorLength) !== 0)
    return { ok: false, reason: 'other-secret' }
  return payload.readUInt32LE(8) === aes
    ? { ok: true, nonce: Buffer.from(payload.subarray(16, 32)) }
    : { ok: false, reason: 'no-encryption' }
}

/** With flags 0: the checksum stays CRC-32 (IEEE). */
export const handshakeOf = (): Buffer => {
  const message = Buffer.alloc(handshakeMessage)
  message.writeUInt32LE(rpc.handshake, 0)
  processId.copy(message, 8)
  processId.copy(message, 20)
  return message
}

/** Whether a payload is the handshake of the middle proxy. */
export const isHandshake = (payload: Buffer): boolean =>
  payload.length === handshakeMessage && payload.readUInt32LE(0) === rpc.handshake

const flags = {
  notEncrypted: 0x2,
  hasTag: 0x8,
  always: 0x1000,
  obfuscated: 0x20000,
  padded: 0x8000000,
  intermediate: 0x20000000,
  abridged: 0x40000000,
  quickAck: 0x80000000,
} as const

const transportFlags: Readonly<Record<Transport, number>> = {
  abridged: flags.abridged,
  intermediate: flags.intermediate,
  'padded-intermediate': flags.intermediate | flags.padded,
}

export const tagLength = 16
const proxyTag = 0xdb1e26ae

/** The flags of a request may differ from message to message. */
const flagsAt = 4

export type RequestOptions = {
  /** Below 2^52. */
  readonly id: number
  readonly transport: Transport
  /** The client, and where it reached this proxy. */
  readonly remote: RpcEnd
  readonly ours: RpcEnd
  /** The advertising tag, 16 bytes; null: none. */
  readonly tag: Buffer | null
}

/** An IPv4 address in IPv6 form, and the port. */
const writeEnd = (into: Buffer, { address, port }: RpcEnd, at: number): number => {
  if (address.length === 4) into.writeUInt16BE(0xffff, at + 10)
  address.copy(into, at + 16 - address.length)
  return into.writeUInt32LE(port, at + 16)
}

/** Our connection ids are below 2^52, so that a number holds them; -1: another number, which is not ours. */
export const readId = (from: Buffer, at: number): number => {
  const high = from.readUInt32LE(at + 4)
  return high < 1 << 20 ? high * 2 ** 32 + from.readUInt32LE(at) : -1
}

const writeId = (into: Buffer, id: number, at: number): number => {
  into.writeUInt32LE(id % 2 ** 32, at)
  return into.writeUInt32LE(Math.floor(id / 2 ** 32), at + 4)
}

/** The part of a request before the client's message; the same for all messages of a client but for `markRequest`. */
export const requestHead = ({ id, transport, remote, ours, tag }: RequestOptions): Buffer => {
  const head = Buffer.alloc(tag === null ? 56 : 84)
  head.writeUInt32LE(rpc.request, 0)
  const tagged = tag === null ? 0 : flags.hasTag
  head.writeUInt32LE(flags.always | flags.obfuscated | tagged | transportFlags[transport], flagsAt)
  let at = writeEnd(head, ours, writeEnd(head, remote, writeId(head, id, 8)))
  if (tag === null) return head
  // The length of what follows, and the tag as a string of TL: its length, its bytes, and zeros up to a whole word.
  at = head.writeUInt32LE(24, at)
  at = head.writeUInt32LE(proxyTag, at)
  head[at] = tagLength
  tag.copy(head, at + 1, 0, tagLength)
  return head
}

/** Bytes of a client's message by which `markRequest` knows an encrypted one: the auth_key_id, which is 0 otherwise. */
export const keyIdLength = 8

/** Sets the flags of the message at `buffer[message]`, whose request head is at `buffer[head]`. */
export const markRequest = (buffer: Buffer, head: number, message: number, quickAck: boolean): void => {
  const encrypted = buffer.readUInt32LE(message) !== 0 || buffer.readUInt32LE(message + 4) !== 0
  const given = buffer.readUInt32LE(head + flagsAt)
  const marks = (encrypted ? 0 : flags.notEncrypted) | (quickAck ? flags.quickAck : 0)
  buffer.writeUInt32LE((given | marks) >>> 0, head + flagsAt)
}

/** To Telegram: the client of this id has gone. */
export const clientGone = (id: number): Buffer => {
  const message = Buffer.alloc(12)
  message.writeUInt32LE(rpc.clientGone, 0)
  writeId(message, id, 4)
  return message
}

export const pingOf = (number: number): Buffer => {
  const message = Buffer.alloc(12)
  message.writeUInt32LE(rpc.ping, 0)
  writeId(message, number, 4)
  return message
}

/** The answer to a ping: the same number. */
export const pongOf = (ping: Buffer): Buffer => {
  const message = Buffer.from(ping)
  message.writeUInt32LE(rpc.pong, 0)
  return message
}

/** A message of a middle proxy that is not an answer. */
export type RpcMessage =
  | { readonly type: 'closed'; readonly id: number }
  | { readonly type: 'acknowledgement'; readonly id: number; readonly token: number }
  | { readonly type: 'ping'; readonly payload: Buffer }
  | { readonly type: 'pong' }
  | { readonly type: 'unknown' }

export const readMessage = (payload: Buffer): RpcMessage => {
  if (payload.length < 12) return { type: 'unknown' }
  const op = payload.readUInt32LE(0)
  if (op === rpc.acknowledgement && payload.length === 16)
    return { type: 'acknowledgement', id: readId(payload, 4), token: payload.readUInt32LE(12) }
  if (payload.length !== 12) return { type: 'unknown' }
  if (op === rpc.closed || op === rpc.clientGone) return { type: 'closed', id: readId(payload, 4) }
  if (op === rpc.ping) return { type: 'ping', payload }
  return { type: op === rpc.pong ? 'pong' : 'unknown' }
}
