import { createHmac, generateKeyPairSync, randomBytes, randomInt } from 'node:crypto'

/** A ClientHello as Chrome sends it and Telegram's apps imitate it, signed with a proxy secret. */
export type Hello = {
  bytes: Buffer
  random: Buffer
  sessionId: Buffer
  /** Groups with a key share, apart from GREASE. */
  groups: readonly number[]
}

export type HelloOptions = {
  secret: Buffer
  domain: string
  /** The time in the signature: Unix seconds. */
  at?: number
  /** With an X25519MLKEM768 share: about 1.8 kB instead of 517 bytes. */
  postQuantum?: boolean
}

export const x25519MlKem768 = 0x11ec
export const x25519 = 0x001d
export const ciphers = [
  0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x9c, 0x9d, 0x2f,
  0x35,
]
const classicLength = 517

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
const sized = (...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([u16(body.length), body])
}
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const extension = (type: number, body: Buffer): Buffer => Buffer.concat([u16(type), sized(body)])

/** A hello with fresh random values. Sources: RFC 8446 §4.1.2, RFC 8701 (GREASE), Telegram's fake-TLS digest (see `sign`). */
export const clientHello = (options: HelloOptions): Hello => {
  const sessionId = randomBytes(32)
  const groups = options.postQuantum ? [x25519MlKem768, x25519] : [x25519]
  const grease = Array.from({ length: 5 }, greaseValue)
  const suites = Buffer.concat([u16(grease[0]!), ...ciphers.map(u16)])
  const head = Buffer.concat([
    hex('0303'),
    Buffer.alloc(32),
    Buffer.from([sessionId.length]),
    sessionId,
    sized(suites),
    hex('0100'),
  ])
  const listed = Buffer.concat([
    extension(grease[1]!, Buffer.alloc(0)),
    ...shuffled(extensions(options, grease, groups)),
    extension(grease[2] === grease[1] ? grease[2]! ^ 0x1010 : grease[2]!, hex('00')),
  ])
  // Record header 5, handshake header 4, two bytes for the length of the extensions, four of the padding's own header.
  const padding = classicLength - 5 - 4 - head.length - 2 - listed.length - 4
  const padded = padding >= 0 ? Buffer.concat([listed, extension(21, Buffer.alloc(padding))]) : listed
  const body = Buffer.concat([head, sized(padded)])
  const handshake = Buffer.concat([hex('01 00'), sized(body)])
  const bytes = Buffer.concat([hex('16 03 01'), sized(handshake)])
  sign(bytes, options.secret, options.at ?? Math.floor(Date.now() / 1000))
  return { bytes, random: bytes.subarray(11, 43), sessionId, groups }
}

/** random = HMAC-SHA256(secret, the record with a zero random), its last four bytes XOR the unix time. */
export const sign = (record: Buffer, secret: Buffer, at: number): void => {
  const digest = createHmac('sha256', secret).update(record).digest()
  digest.writeUInt32LE((digest.readUInt32LE(28) ^ at) >>> 0, 28)
  digest.copy(record, 11)
}

const extensions = (options: HelloOptions, grease: number[], groups: readonly number[]): Buffer[] => [
  extension(0, sized(hex('00'), sized(Buffer.from(options.domain)))),
  extension(5, hex('01 0000 0000')),
  extension(10, sized(u16(grease[3]!), ...groups.map(u16), hex('0017 0018'))),
  extension(11, hex('01 00')),
  extension(13, sized(hex('0403 0804 0401 0503 0805 0501 0806 0601'))),
  extension(16, sized(hex('02 6832 08'), Buffer.from('http/1.1'))),
  extension(18, Buffer.alloc(0)),
  extension(23, Buffer.alloc(0)),
  extension(27, hex('02 0002')),
  extension(35, Buffer.alloc(0)),
  extension(43, Buffer.concat([hex('06'), u16(grease[4]!), hex('0304 0303')])),
  extension(45, hex('01 01')),
  extension(51, sized(u16(grease[3]!), sized(hex('00')), ...groups.map(share))),
  extension(0x4469, sized(hex('02 6832'))),
  extension(0xff01, hex('00')),
  ...(options.postQuantum ? [extension(0xfe0d, greaseEch())] : []),
]

// One of the lengths that Chrome uses. The content is random.
const greaseEch = (): Buffer =>
  Buffer.concat([
    hex('00 0001 0001'),
    randomBytes(1),
    sized(randomBytes(32)),
    sized(randomBytes(144 + 32 * randomInt(4))),
  ])

const share = (group: number): Buffer => {
  const curve = generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  return Buffer.concat([u16(group), sized(group === x25519MlKem768 ? kemKey() : Buffer.alloc(0), curve)])
}

// A real encapsulation key (FIPS 203, 1184 bytes): a server may refuse random bytes.
const kemKey = (): Buffer =>
  generateKeyPairSync('ml-kem-768').publicKey.export({ type: 'spki', format: 'der' }).subarray(-1184)

const greaseValue = (): number => 0x0a0a + 0x1010 * randomInt(16)

const shuffled = (parts: Buffer[]): Buffer[] =>
  parts
    .map((part) => ({ part, at: randomInt(1 << 30) }))
    .sort((one, other) => one.at - other.at)
    .map(({ part }) => part)

/** The same hello in several TLS records, as tools against inspection split it. The digest is still that of one record. */
export const inRecords = (hello: Buffer, pieces: number): Buffer => {
  const handshake = hello.subarray(5)
  const size = Math.ceil(handshake.length / pieces)
  const records = Array.from({ length: pieces }, (_, i) => handshake.subarray(i * size, (i + 1) * size))
  return Buffer.concat(records.map((record) => Buffer.concat([hex('16 03 01'), sized(record)])))
}
