import { createHmac, encapsulate, generateKeyPairSync } from 'node:crypto'
import { type Hello, type KeyShare, x25519, x25519MlKem768 } from './client-hello.ts'
import type { Fill } from './random.ts'

// https://www.rfc-editor.org/rfc/rfc8446#section-4.1.3
// X25519MLKEM768: https://datatracker.ietf.org/doc/html/draft-ietf-tls-ecdhe-mlkem

/** How the masking host answers a browser; measured by `masking/`. */
export type Flight = {
  /** Its choice when X25519MLKEM768 and X25519 are offered, and when X25519 alone is. */
  hybrid: Chosen
  classic: Chosen
  /**
   * The suite it chooses for each order of TLS 1.3 suites, by `orderOf`; where unknown, the client's first. A table, because
   * servers follow their own order, the client's, or either by the place of ChaCha20.
   */
  suites: readonly number[]
  /** Whether supported_versions comes before key_share in its ServerHello. */
  versionFirst: boolean
  /** Its answers to hellos of clients, by `classOf`: they precede the other fields. */
  classes: Readonly<Record<string, ClassAnswer>>
}

/** The answer to hellos of one class. */
export type ClassAnswer = Chosen & {
  cipherSuite: number
  versionFirst: boolean
  /** Epoch, ms. */
  measuredAt: number
}

export type Chosen = {
  group: number
  /**
   * Measured sizes of its encrypted flight: each as the one record that fills as many bytes on the wire, less
   * `finishedExtra` of the suite of that flight.
   */
  sizes: readonly number[]
}

/** The Finished message is as long as the suite's hash: SHA-384 is 16 bytes longer than SHA-256. RFC 8446, 4.4.4. */
export const finishedExtra = (cipherSuite: number): number => (cipherSuite === 0x1302 ? 16 : 0)

/** The answer of most of the web, used until a masking host has been measured. */
export const usualFlight: Flight = {
  hybrid: { group: x25519MlKem768, sizes: [2900] },
  classic: { group: x25519, sizes: [2900] },
  suites: [],
  versionFirst: false,
  classes: {},
}

const mlKemKey = 1184
const x25519Key = 32
const maxSessionId = 32
/** Length of the largest record: RFC 8446, 5.2. */
const maxRecord = 16_384 + 256

/** The suites of TLS 1.3 in practice. */
export const tls13Suites: readonly number[] = [0x1301, 0x1302, 0x1303]
const tls13Of = (suites: readonly number[]): number[] =>
  tls13Suites
    .filter((suite) => suites.includes(suite))
    .sort((one, other) => suites.indexOf(one) - suites.indexOf(other))

/** The index of an order of suites in `Flight.suites`: its TLS 1.3 suites as digits 1 to 3, in base 4. */
export const orderOf = (suites: readonly number[]): number =>
  tls13Of(suites).reduce((order, suite) => order * 4 + (suite & 3), 0)

// A new key for each answer, as servers make one: a repeated key would distinguish us from a real server. The private half
// is discarded, because neither side derives a secret from it.
const freshX25519 = (): Buffer => generateKeyPairSync('x25519').publicKey.export({ format: 'raw-public' })

/** The server's part of a hybrid share; null when the client's is invalid. */
const freshHybrid = (key: Buffer): Buffer | null => {
  if (key.length !== mlKemKey + x25519Key) return null
  try {
    const mlKem = key.subarray(0, mlKemKey)
    const { ciphertext } = encapsulate({ key: mlKem, format: 'raw-public', asymmetricKeyType: 'ml-kem-768' })
    return Buffer.concat([ciphertext, freshX25519()])
  } catch {
    // OpenSSL refuses a key with a coefficient above the modulus, as a real server must: FIPS 203, 7.2.
    return null
  }
}

/** Curves for clients that offer nothing better. */
const curves = new Map([
  [0x0017, 'prime256v1'],
  [0x0018, 'secp384r1'],
])

const freshPoint = (namedCurve: string): Buffer =>
  generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'raw-public' })

/**
 * The server's share: of the group that the masking host takes, else of another group that the client offers, else X25519
 * all the same: apps check the digest and the records and never use the share.
 */
const respond = ({ keyShares }: Hello, wanted: number): KeyShare => {
  const offered = (group: number): KeyShare | undefined => keyShares.find((share) => share.group === group)
  const hybrid = offered(x25519MlKem768)
  const classic = offered(x25519)?.key.length === x25519Key
  if (hybrid && (wanted === x25519MlKem768 || !classic)) {
    const key = freshHybrid(hybrid.key)
    if (key !== null) return { group: x25519MlKem768, key }
  }
  for (const [group, curve] of curves) {
    if (offered(group) && (wanted === group || !classic)) return { group, key: freshPoint(curve) }
  }
  return { group: x25519, key: freshX25519() }
}

const chooseSuite = ({ cipherSuites }: Hello, { suites }: Flight): number => {
  const [first = tls13Suites[0]!] = tls13Of(cipherSuites)
  return suites[orderOf(cipherSuites)] || first
}

const u16 = (value: number): [number, number] => [value >>> 8, value & 0xff]

const versionExtension = Buffer.from([0, 0x2b, 0, 2, 3, 4])

const shareExtension = (group: number, share: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from([0, 0x33, ...u16(share.length + 4), ...u16(group), ...u16(share.length)]),
    share,
  ])

const noise = (size: number, random: Fill): Buffer => {
  const bytes = Buffer.allocUnsafe(size)
  random(bytes, 0, size)
  return bytes
}

const noRandom = Buffer.alloc(32)
const randomAt = 11

/**
 * The answer to a signed hello, whatever else the hello lacks: ServerHello, ChangeCipherSpec and one record of random bytes
 * as large as the masking host's certificate flight, with
 * server random = HMAC-SHA256(secret, client random ‖ answer with random zeroed).
 */
export const answer = (options: {
  hello: Hello
  secret: Buffer
  flight: Flight
  random: Fill
  /** Of the hello, by `classOf`. */
  kind?: string
}): Buffer => {
  const { hello, secret, flight, random, kind = '' } = options
  const measured = flight.classes[kind]
  const suite = measured?.cipherSuite ?? chooseSuite(hello, flight)
  const hasHybrid = hello.keyShares.some((share) => share.group === x25519MlKem768)
  const chosen = measured ?? (hasHybrid ? flight.hybrid : flight.classic)
  const { group, key } = respond(hello, chosen.group)
  const sessionId = hello.sessionId.subarray(0, maxSessionId)

  const keyShare = shareExtension(group, key)
  const extensions = Buffer.concat(
    (measured ?? flight).versionFirst ? [versionExtension, keyShare] : [keyShare, versionExtension],
  )
  const bodyLength = 2 + 32 + 1 + sessionId.length + 2 + 1 + 2 + extensions.length
  const size = Math.min(pick(chosen.sizes, random) + finishedExtra(suite), maxRecord)
  const result = Buffer.concat([
    Buffer.from([0x16, 3, 3, ...u16(bodyLength + 4), 0x02, 0, ...u16(bodyLength), 3, 3]),
    noRandom,
    Buffer.from([sessionId.length]),
    sessionId,
    Buffer.from([...u16(suite), 0, ...u16(extensions.length)]),
    extensions,
    Buffer.from([0x14, 3, 3, 0, 1, 1, 0x17, 3, 3, ...u16(size)]),
    noise(size, random),
  ])
  createHmac('sha256', secret).update(hello.random).update(result).digest().copy(result, randomAt)
  return result
}

const one = Buffer.alloc(1)

const pick = (sizes: readonly number[], random: Fill): number => {
  random(one, 0, 1)
  return sizes[one[0]! % sizes.length] ?? usualFlight.classic.sizes[0]!
}
