import { generateKeyPairSync } from 'node:crypto'
import { x25519, x25519MlKem768 } from './client-hello.ts'
import type { Fill } from './random.ts'

const u16 = (value: number): Buffer => Buffer.from([value >>> 8, value & 0xff])
const list = (values: readonly number[]): Buffer => Buffer.concat(values.map(u16))
/** Prefixes the length in two bytes. */
const sized = (...parts: Buffer[]): Buffer => {
  const bytes = Buffer.concat(parts)
  return Buffer.concat([u16(bytes.length), bytes])
}
/** Prefixes the length in one byte. */
const shortSized = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([bytes.length]), bytes])
const extension = (type: number, ...content: Buffer[]): Buffer =>
  Buffer.concat([u16(type), sized(...content)])
const share = (group: number, key: Buffer): Buffer => Buffer.concat([u16(group), sized(key)])

const publicKey = (kind: 'x25519' | 'ml-kem-768'): Buffer => {
  // The overloads are by literal, one kind each.
  const pair = kind === 'x25519' ? generateKeyPairSync('x25519') : generateKeyPairSync('ml-kem-768')
  return pair.publicKey.export({ format: 'raw-public' })
}

/** Cipher suites of TLS 1.3 in the order of Chrome and Firefox, and in the order of Apple's programs. */
export const chromeOrder: readonly number[] = [0x1301, 0x1302, 0x1303]
export const appleOrder: readonly number[] = [0x1302, 0x1303, 0x1301]
const olderSuites = [0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x9c, 0x9d, 0x2f, 0x35]
const algorithms = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]

/**
 * A ClientHello as desktop Chrome sends it (2025): GREASE, extensions in random order, real key shares, with
 * X25519MLKEM768 if `hybrid`. One record.
 */
export const browserHello = (options: {
  name: string
  hybrid: boolean
  random: Fill
  suites?: readonly number[]
}): Buffer => {
  const { name, hybrid, random, suites = chromeOrder } = options
  const bytes = (size: number): Buffer => {
    const drawn = Buffer.allocUnsafe(size)
    random(drawn, 0, size)
    return drawn
  }
  const seeds = bytes(5).map((byte) => (byte & 0xf0) | 0x0a)
  // The two extensions may not be the same.
  if (seeds[1] === seeds[2]) seeds[2]! ^= 0x10
  const grease = (i: number): number => seeds[i]! * 0x0101

  const classic = publicKey('x25519')
  const shares = [share(grease(3), Buffer.alloc(1)), share(x25519, classic)]
  if (hybrid) shares.splice(1, 0, share(x25519MlKem768, Buffer.concat([publicKey('ml-kem-768'), classic])))
  const groups = [grease(3), ...(hybrid ? [x25519MlKem768] : []), x25519, 0x0017, 0x0018]
  const shuffled = shuffle(
    [
      extension(0x0000, sized(Buffer.alloc(1), sized(Buffer.from(name, 'latin1')))),
      extension(0x0005, Buffer.from([1, 0, 0, 0, 0])),
      extension(0x000a, sized(list(groups))),
      extension(0x000b, Buffer.from([1, 0])),
      extension(0x000d, sized(list(algorithms))),
      extension(0x0010, sized(shortSized(Buffer.from('h2')), shortSized(Buffer.from('http/1.1')))),
      extension(0x0012),
      extension(0x0017),
      extension(0x001b, Buffer.from([2, 0, 2])),
      extension(0x0023),
      extension(0x002b, shortSized(list([grease(4), 0x0304, 0x0303]))),
      extension(0x002d, Buffer.from([1, 1])),
      extension(0x0033, sized(...shares)),
      extension(0x44cd, sized(shortSized(Buffer.from('h2')))),
      extension(0xfe0d, Buffer.from([0, 0, 1, 0, 1]), bytes(1), sized(bytes(32)), sized(bytes(144))),
      extension(0xff01, Buffer.alloc(1)),
    ],
    bytes(16),
  )
  const body = Buffer.concat([
    u16(0x0303),
    bytes(32),
    shortSized(bytes(32)),
    sized(list([grease(0), ...suites, ...olderSuites])),
    Buffer.from([1, 0]),
    sized(extension(grease(1)), ...shuffled, extension(grease(2), Buffer.alloc(1))),
  ])
  return Buffer.concat([Buffer.from([0x16, 3, 1]), sized(Buffer.from([1, 0]), sized(body))])
}

/** Fisher–Yates shuffle with one random byte for each step. */
const shuffle = (items: Buffer[], dice: Buffer): Buffer[] => {
  for (let i = items.length - 1; i > 0; i--) {
    const j = dice[i]! % (i + 1)
    const item = items[i]!
    items[i] = items[j]!
    items[j] = item
  }
  return items
}
