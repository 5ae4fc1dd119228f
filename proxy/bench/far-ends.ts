import { type Cipheriv, createCipheriv, createHash, createHmac, randomBytes } from 'node:crypto'
import { browserHello } from '../wire/browser-hello.ts'
import { randomPool } from '../wire/random.ts'

// What a client and a datacenter say before bytes flow. Made before a measurement begins, and checked in it.

/** `plain` has no secret: for a relay that looks at nothing. `ee+pq` offers X25519MLKEM768, `ee` X25519 alone. */
export type Mode = 'dd' | 'ee' | 'ee+pq' | 'plain'

export const tlsDomain = 'mask.test'
export const openingLength = 64
export const requestLength = 16

/** What the datacenter is to do: repeat what comes, send so many bytes when asked, or swallow so many. */
export const ops = { echo: 1, flood: 2, sink: 3 } as const

/** Everything that one connection says before its own traffic, and the answer that proves it relayed. */
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

/** The datacenter's side: null when the bytes open nothing. */
export const answerOpening = (opening: Buffer): { up: Cipheriv; down: Cipheriv } | null => {
  const keys = keysOf(opening, null)
  return keys.up.update(opening).readUInt32LE(56) === paddedIntermediate ? keys : null
}

const signedHello = (secret: Buffer, hybrid: boolean): Buffer => {
  const hello = browserHello({ name: tlsDomain, hybrid, random })
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

/** `amount` is in bytes. Each is good for one connection: a proxy remembers it. */
export const prepare = (mode: Mode, secret: Buffer, op: number = ops.echo, amount = 0): Prepared => {
  const opening = randomBytes(openingLength)
  // Nothing that another protocol begins with: a byte and a word of which no reserved start has both.
  opening[0] = 0x5a
  opening[4] = 0x5a
  const { up, down } = keysOf(opening, mode === 'plain' ? null : secret)
  opening.writeUInt32LE(paddedIntermediate, 56)
  opening.writeInt16LE(dc, 60)
  up.update(opening).copy(opening, 56, 56)
  const request = Buffer.alloc(requestLength)
  request.writeDoubleLE(op, 0)
  request.writeDoubleLE(amount, 8)
  const first = Buffer.concat([opening, up.update(request)])
  return {
    hello: isTls(mode) ? signedHello(secret, mode === 'ee+pq') : null,
    first: isTls(mode) ? Buffer.concat([changeCipherSpec, inRecords(first, first.length)]) : first,
    expected: down.update(request),
    seal: up,
    open: down,
  }
}
