import { type Cipheriv, createCipheriv, createHash, createHmac, randomBytes } from 'node:crypto'
import { browserHello } from '../wire/browser-hello.ts'
import { randomPool } from '../wire/random.ts'

// The handshakes of client and datacenter. They are made before a measurement and checked during it.

/** `plain` has no secret, for a relay that inspects nothing. `ee+pq` offers X25519MLKEM768, `ee` only X25519. */
export type Mode = 'dd' | 'ee' | 'ee+pq' | 'plain'

/** What a client knows of a proxy; the domain is that of an `ee` secret. */
export type Key = { readonly secret: Buffer; readonly domain: string }

export const tlsDomain = 'mask.test'
export const openingLength = 64
export const requestLength = 16

/** Requests to the datacenter: echo every byte, send so many bytes when a byte arrives, or swallow so many. */
export const ops = { echo: 1, flood: 2, sink: 3 } as const

/** The first bytes of one connection, and the answer that proves that they were relayed. */
export type Prepared = {
  readonly hello: Buffer | null
  readonly first: Buffer
  readonly expected: Buffer
  readonly seal: Cipheriv
  readonly open: Cipheriv
}

const random = randomPool()
const paddedIntermediate = 0xdddddddd
const dc = 2

const keyed = (material: Buffer, secret: Buffer | null): Cipheriv => {
  const raw = material.subarray(0, 32)
  const key = secret ? createHash('sha256').update(raw).update(secret).digest() : raw
  return createCipheriv('aes-256-ctr', key, material.subarray(32, 48))
}

/** Both key streams of an obfuscated opening. https://core.telegram.org/mtproto/mtproto-transports */
export const keysOf = (opening: Buffer, secret: Buffer | null): { up: Cipheriv; down: Cipheriv } => {
  const material = opening.subarray(8, 56)
  return { up: keyed(material, secret), down: keyed(Buffer.from(material).reverse(), secret) }
}

/** The datacenter's end; null when the bytes are not an opening. */
export const answerOpening = (opening: Buffer): { up: Cipheriv; down: Cipheriv } | null => {
  const keys = keysOf(opening, null)
  return keys.up.update(opening).readUInt32LE(56) === paddedIntermediate ? keys : null
}

const signedHello = ({ secret, domain }: Key, hybrid: boolean): Buffer => {
  const hello = browserHello({ name: domain, hybrid, random })
  hello.fill(0, 11, 43)
  const digest = createHmac('sha256', secret).update(hello).digest()
  digest.writeUInt32LE((digest.readUInt32LE(28) ^ Math.floor(Date.now() / 1000)) >>> 0, 28)
  digest.copy(hello, 11)
  return hello
}

const changeCipherSpec = Buffer.from('140303000101', 'hex')

/** Bytes as ApplicationData records of at most `size`. */
export const inRecords = (bytes: Buffer, size: number): Buffer => {
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) {
    const body = bytes.subarray(at, at + size)
    parts.push(Buffer.from([0x17, 3, 3, body.length >> 8, body.length & 0xff]), body)
  }
  return Buffer.concat(parts)
}

export const isTls = (mode: Mode): boolean => mode === 'ee' || mode === 'ee+pq'

/** `amount` is in bytes. Each result is valid for one connection: a proxy refuses it as a replay afterwards. */
export const prepare = (mode: Mode, key: Key, op: number = ops.echo, amount = 0): Prepared => {
  const opening = randomBytes(openingLength)
  // These two bytes rule out every reserved start of another protocol.
  opening[0] = 0x5a
  opening[4] = 0x5a
  const { up, down } = keysOf(opening, mode === 'plain' ? null : key.secret)
  opening.writeUInt32LE(paddedIntermediate, 56)
  opening.writeInt16LE(dc, 60)
  up.update(opening).copy(opening, 56, 56)
  const request = Buffer.alloc(requestLength)
  request.writeDoubleLE(op, 0)
  request.writeDoubleLE(amount, 8)
  const first = Buffer.concat([opening, up.update(request)])
  return {
    hello: isTls(mode) ? signedHello(key, mode === 'ee+pq') : null,
    first: isTls(mode) ? Buffer.concat([changeCipherSpec, inRecords(first, first.length)]) : first,
    expected: down.update(request),
    seal: up,
    open: down,
  }
}
