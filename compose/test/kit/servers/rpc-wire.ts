import { createCipheriv, createDecipheriv, createHash } from 'node:crypto'

/**
 * The wire between a proxy and a middle proxy, written from MTProxy's description of it, independently of the proxy.
 * Everything here throws on the first wrong byte.
 */

export type Frame = { sequence: number; payload: Buffer }
export type Address = { bytes: Buffer; port: number }

const table = Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value >>> 0
})

export const checksum = (bytes: Buffer): number => {
  let value = 0xffffffff
  for (const byte of bytes) value = table[(value ^ byte) & 0xff]! ^ (value >>> 8)
  return ~value >>> 0
}

export const frameOf = (sequence: number, payload: Buffer): Buffer => {
  const bytes = Buffer.alloc(payload.length + 12)
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeInt32LE(sequence, 4)
  payload.copy(bytes, 8)
  bytes.writeUInt32LE(checksum(bytes.subarray(0, -4)), bytes.length - 4)
  return bytes
}

const filler = Buffer.from([4, 0, 0, 0])

/** Padding frames up to whole blocks. */
export const toBlocks = (bytes: Buffer): Buffer => {
  const parts = [bytes]
  for (let length = bytes.length; length % 16 !== 0; length += 4) parts.push(filler)
  return Buffer.concat(parts)
}

/** Takes whole frames off the front of a stream; returns the rest. */
export const takeFrames = (stream: Buffer, found: (frame: Frame) => void): Buffer => {
  let rest = stream
  while (rest.length >= 4) {
    const length = rest.readUInt32LE(0)
    if (length === 4) {
      rest = rest.subarray(4)
      continue
    }
    if (length < 16 || length > 1 << 24 || length % 4 !== 0) throw new Error(`a frame of ${length} bytes`)
    if (rest.length < length) break
    const sum = rest.readUInt32LE(length - 4)
    if (sum !== checksum(rest.subarray(0, length - 4))) throw new Error('a frame with a wrong checksum')
    found({ sequence: rest.readInt32LE(4), payload: Buffer.from(rest.subarray(8, length - 4)) })
    rest = rest.subarray(length)
  }
  return rest
}

export type Seed = {
  secret: Buffer
  clientNonce: Buffer
  serverNonce: Buffer
  /** The 4 bytes of the client's nonce message. */
  time: Buffer
  client: Address
  server: Address
}

const port = (value: number): Buffer => Buffer.from([value % 256, value >> 8])
const backwards = (bytes: Buffer): Buffer => Buffer.from([...bytes].reverse())

const keyed = (seed: Seed, purpose: 'CLIENT' | 'SERVER'): [Buffer, Buffer] => {
  const { secret, clientNonce, serverNonce, time, client, server } = seed
  const isV6 = client.bytes.length === 16
  const short = (address: Address): Buffer => (isV6 ? Buffer.alloc(4) : backwards(address.bytes))
  const parts = [serverNonce, clientNonce, time, short(server), port(client.port), Buffer.from(purpose)]
  parts.push(short(client), port(server.port), secret, serverNonce)
  if (isV6) parts.push(client.bytes, server.bytes)
  parts.push(clientNonce)
  const text = Buffer.concat(parts)
  const md5 = (from: number): Buffer => createHash('md5').update(text.subarray(from)).digest()
  const sha1 = createHash('sha1').update(text).digest()
  return [Buffer.concat([md5(1).subarray(0, 12), sha1]), md5(2)]
}

/** `proxy`: what the proxy sends; `middle`: what the middle proxy sends. */
export const streamsOf = (seed: Seed) => {
  const [clientKey, clientIv] = keyed(seed, 'CLIENT')
  const [serverKey, serverIv] = keyed(seed, 'SERVER')
  const open = (key: Buffer, iv: Buffer) => createDecipheriv('aes-256-cbc', key, iv).setAutoPadding(false)
  const seal = (key: Buffer, iv: Buffer) => createCipheriv('aes-256-cbc', key, iv).setAutoPadding(false)
  return {
    proxy: { seal: seal(clientKey, clientIv), open: open(clientKey, clientIv) },
    middle: { seal: seal(serverKey, serverIv), open: open(serverKey, serverIv) },
  }
}

const flagBits = {
  2: 'not-encrypted',
  8: 'tag',
  4096: 'always',
  131072: 'obfuscated',
  134217728: 'padded',
  536870912: 'intermediate',
  1073741824: 'abridged',
  2147483648: 'quick-ack',
} as const
export type Flag = (typeof flagBits)[keyof typeof flagBits]

const flagsOf = (value: number): Flag[] => {
  const found: Flag[] = []
  let left = value
  for (const [bit, flag] of Object.entries(flagBits)) {
    if ((left & Number(bit)) === 0) continue
    found.push(flag)
    left = (left ^ Number(bit)) >>> 0
  }
  if (left !== 0) throw new Error(`unknown flags ${left.toString(16)}`)
  return found
}

export type Request = {
  flags: Flag[]
  id: bigint
  /** As text: `192.0.2.1` or 32 hex digits. */
  remote: { host: string; port: number }
  ours: { host: string; port: number }
  tag: string | null
  message: Buffer
}

const mapped = Buffer.from('00000000000000000000ffff', 'hex')

const endOf = (bytes: Buffer): { host: string; port: number } => {
  const isV4 = bytes.subarray(0, 12).equals(mapped)
  const host = isV4 ? [...bytes.subarray(12, 16)].join('.') : bytes.toString('hex', 0, 16)
  const port = bytes.readUInt32LE(16)
  if (port === 0 || port > 65_535) throw new Error(`a request with port ${port}`)
  return { host, port }
}

/** RPC_PROXY_REQ. */
export const readRequest = (payload: Buffer): Request => {
  const flags = flagsOf(payload.readUInt32LE(4))
  const transports = flags.filter((flag) => flag === 'intermediate' || flag === 'abridged')
  if (transports.length !== 1) throw new Error(`${transports.length} transports in the flags`)
  if (flags.includes('padded') && transports[0] !== 'intermediate') throw new Error('padded, but abridged')
  for (const flag of ['always', 'obfuscated'] as const)
    if (!flags.includes(flag)) throw new Error(`a request without the flag ${flag}`)
  let tag: string | null = null
  let message = payload.subarray(56)
  if (flags.includes('tag')) {
    const extra = message.readUInt32LE(0)
    if (extra !== 24) throw new Error(`${extra} bytes of extra fields`)
    if (message.readUInt32LE(4) !== 0xdb1e26ae) throw new Error('extra fields without the tag')
    if (message[8] !== 16 || message.readUIntLE(25, 3) !== 0) throw new Error('a malformed tag')
    tag = message.toString('hex', 9, 25)
    message = message.subarray(28)
  }
  if (message.length < 8 || message.length % 4 !== 0) throw new Error(`a message of ${message.length} bytes`)
  const plain = message.readBigUInt64LE(0) === 0n
  if (plain !== flags.includes('not-encrypted')) throw new Error('the flags do not fit the auth_key_id')
  return {
    flags,
    id: payload.readBigInt64LE(8),
    remote: endOf(payload.subarray(16, 36)),
    ours: endOf(payload.subarray(36, 56)),
    tag,
    message,
  }
}

export const ops = {
  nonce: 0x7acb87aa,
  handshake: 0x7682eef5,
  request: 0x36cef1ee,
  answer: 0x4403da0d,
  acknowledgement: 0x3bac409b,
  clientGone: 0x1fcf425d,
  closed: 0x5eb634a2,
  ping: 0x5730a2df,
  pong: 0x8430eaa7,
} as const

/** An operation, then fields: u32 as number, i64 as bigint, bytes as they are. */
export const payloadOf = (op: keyof typeof ops, ...fields: (number | bigint | Buffer)[]): Buffer =>
  Buffer.concat(
    [ops[op], ...fields].map((field) => {
      if (Buffer.isBuffer(field)) return field
      const bytes = Buffer.alloc(typeof field === 'number' ? 4 : 8)
      if (typeof field === 'number') bytes.writeUInt32LE(field)
      else bytes.writeBigInt64LE(field)
      return bytes
    }),
  )
