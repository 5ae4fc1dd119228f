import { createCipheriv, createHash, createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { inRecords, sign } from '../../test/kit/client/client-hello.ts'
import { answer } from '../../test/kit/client/obfuscation.ts'
import { oddHellos } from '../../test/kit/client/odd-hellos.ts'
import { mutated, type Random } from './random.ts'

// Handshakes of clients, and a judge of them that shares no code with the proxy.

export const secret = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
/** A secret that no user has. */
const unused = Buffer.alloc(16, 0x5a)
export const domain = 'www.example.com'
/** Every case runs at this time: a seed gives the same bytes and the same decision on every machine, at any time. */
export const nowMs = 1_790_000_000_000

const recorded = (
  JSON.parse(
    readFileSync(new URL('../../../proxy/wire/fixtures/client-hellos.json', import.meta.url), 'utf8'),
  ) as { hex: string }[]
).map(({ hex }) => Buffer.from(hex, 'hex'))

/** Signed again by such a secret, with such a time. */
const signed = (hello: Buffer, by: Buffer, at = nowMs / 1_000): Buffer => {
  const copy = Buffer.from(hello)
  if (copy.length < 43) return copy
  copy.fill(0, 11, 43)
  sign(copy, by, at)
  return copy
}

const tags = [0xefefefef, 0xeeeeeeee, 0xdddddddd]
const centres = [1, 2, 3, 5, 203, -2, 10_002, 0, 77, -32_768]

/** The 64 bytes of obfuscated2. */
export const opening = (
  random: Random,
  by: Buffer,
  dc = random.oneIn(3) ? random.one(centres) : 2,
): Buffer => {
  const bytes = random.bytes(64)
  const key = createHash('sha256').update(bytes.subarray(8, 40)).update(by).digest()
  const plain = Buffer.from(bytes)
  plain.writeUInt32LE(random.oneIn(20) ? random.below(2 ** 32) : random.one(tags), 56)
  plain.writeInt16LE(dc, 60)
  createCipheriv('aes-256-ctr', key, bytes.subarray(40, 56)).update(plain).copy(bytes, 56, 56)
  return bytes
}

const texts = [
  'GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n',
  'HEAD / HTTP/1.0\r\n\r\n',
  'POST /login HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b',
  'OPTIONS * HTTP/1.1\r\n\r\n',
  'SSH-2.0-OpenSSH_9.6\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n',
  '\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10',
  '\x15\x03\x03\x00\x02\x02\x28',
  '\x16\x03\x01\x00\x00',
].map((text) => Buffer.from(text, 'latin1'))

const dataRecord = (body: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0x17, 3, 3, body.length >> 8, body.length & 0xff]), body])

const hello = (random: Random, by: Buffer): Buffer => {
  let bytes: Buffer = random.one(recorded)
  if (random.oneIn(3)) {
    try {
      bytes = random.one(Object.values(oddHellos))(bytes)
    } catch {
      // Made for hellos with a session id of 32 bytes.
    }
  }
  if (random.oneIn(2)) bytes = mutated(bytes, random, recorded)
  if (random.oneIn(3) && bytes.length > 43 && bytes.length < 16_389) bytes.writeUInt16BE(bytes.length - 5, 3)
  const at = nowMs / 1_000 + (random.oneIn(8) ? random.below(600) - 300 : 0)
  bytes = signed(bytes, by, at)
  if (random.oneIn(6) && bytes.length > 60) bytes = inRecords(bytes, 2 + random.below(4))
  return bytes
}

/** Bytes of a client that knows a secret (`by`: the user's, or one that no user has), or of something else. */
const of = (random: Random, by: Buffer): Buffer => {
  switch (random.below(6)) {
    case 0:
      return random.bytes(random.below(random.oneIn(10) ? 3_000 : 200))
    case 1:
      return mutated(random.one(texts), random, texts)
    case 2:
      return Buffer.concat([opening(random, by), random.bytes(random.below(300))])
    case 3:
      return Buffer.concat([hello(random, by), random.bytes(random.below(100))])
    default: {
      const head = hello(random, by)
      const change = random.oneIn(2) ? Buffer.from('140303000101', 'hex') : Buffer.alloc(0)
      return Buffer.concat([head, change, dataRecord(opening(random, by)), random.bytes(random.below(99))])
    }
  }
}

/** The first bytes of a client; half of them know the user's secret. */
export const anyHandshake = (random: Random): Buffer => {
  return random.oneIn(2) ? userLike(random) : unauthenticated(random)
}

/** A hello that the user's secret signed, always the same bytes. */
export const signedHello = (): Buffer => signed(recorded[0]!, secret)

/** Bytes of a client that knows the user's secret, damaged or not. */
export const userLike = (random: Random): Buffer => {
  const bytes = of(random, secret)
  return random.oneIn(3) ? mutated(bytes, random, texts) : bytes
}

/** Never those of a client that knows the user's secret. */
export const unauthenticated = (random: Random): Buffer => {
  const bytes = of(random, unused)
  return random.oneIn(3) ? mutated(bytes, random, texts) : bytes
}

const signs = (record: Buffer): boolean => {
  if (record.length < 43) return false
  const blank = Buffer.from(record)
  blank.fill(0, 11, 43)
  const digest = createHmac('sha256', secret).update(blank).digest()
  return digest.subarray(0, 28).equals(record.subarray(11, 39))
}

/** Whether these bytes begin with a hello that the user's secret signed: one record, or several that make one. */
export const isSigned = (bytes: Buffer): boolean => {
  const parts: Buffer[] = []
  for (let at = 0; at + 5 <= bytes.length && bytes[at] === 0x16; ) {
    const length = bytes.readUInt16BE(at + 3)
    if (at === 0 && at + 5 + length <= bytes.length && signs(bytes.subarray(0, 5 + length))) return true
    parts.push(bytes.subarray(at + 5, at + 5 + length))
    at += 5 + length
    const whole = Buffer.concat(parts)
    const needs = whole.length < 4 ? Number.POSITIVE_INFINITY : 4 + whole.readUIntBE(1, 3)
    if (whole.length < needs) continue
    // Clients sign one record with the header of the first, and everything that is in their records.
    const size = Buffer.from([whole.length >> 8, whole.length & 0xff])
    return signs(Buffer.concat([bytes.subarray(0, 3), size, whole]))
  }
  return false
}

/** The transport and the datacenter that the user's secret finds in 64 bytes; null: none. */
export const opens = (bytes: Buffer): { transport: string; dc: number } | null => {
  if (bytes.length < 64) return null
  const opened = answer(bytes.subarray(0, 64), secret)
  return 'refused' in opened ? null : { transport: opened.transport, dc: opened.dc }
}
