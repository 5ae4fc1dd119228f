import { generateKeyPairSync } from 'node:crypto'
import {
  type Hello,
  helloLength,
  readClientHello,
  sealedHello,
  x25519,
  x25519MlKem768,
} from './client-hello.ts'
import { isGrease } from './ja4.ts'
import type { Fill } from './random.ts'

/** Room for HMAC's inner block in what `sealedHello` returns, and the place of the random behind it. */
const block = 64
const randomAt = block + 5 + 4 + 2

/**
 * Names the hellos that a site answers alike: those with the same fingerprint that offer cipher suites in the same order and
 * shares of the same groups. JA4 covers extensions, signature algorithms and ALPN, and sorts the suites.
 */
export const classOf = ({ cipherSuites, keyShares }: Hello, ja4: string): string => {
  const suites = cipherSuites.filter((suite) => suite >>> 8 === 0x13)
  const groups = keyShares.map(({ group }) => group).filter((group) => !isGrease(group))
  return `${ja4} ${[suites, groups].map((list) => list.map((n) => n.toString(16)).join()).join(' ')}`
}

const fresh = (kind: 'x25519' | 'ml-kem-768' | 'prime256v1' | 'secp384r1'): Buffer => {
  if (kind === 'x25519') return generateKeyPairSync(kind).publicKey.export({ format: 'raw-public' })
  if (kind === 'ml-kem-768') return generateKeyPairSync(kind).publicKey.export({ format: 'raw-public' })
  return generateKeyPairSync('ec', { namedCurve: kind }).publicKey.export({ format: 'raw-public' })
}

const freshShare = (group: number): Buffer | null => {
  switch (group) {
    case x25519:
      return fresh('x25519')
    case x25519MlKem768:
      return Buffer.concat([fresh('ml-kem-768'), fresh('x25519')])
    case 0x0017:
      return fresh('prime256v1')
    case 0x0018:
      return fresh('secp384r1')
    default:
      return null
  }
}

/** The hello of a client as it can be kept: one record, with a random of zeros. */
export const templateOf = ({ digested }: Hello): Buffer => Buffer.from(digested.subarray(block))

/**
 * A hello of the same class for a connection of our own: random, session id and key shares are new, so that no byte is left
 * that a client has signed. Null for other bytes.
 */
export const renewedHello = (template: Buffer, random: Fill): Buffer | null => {
  const length = helloLength(template, template.length)
  const sealed = typeof length === 'number' ? sealedHello(template, length) : null
  if (sealed === null) return null
  const { digested } = sealed
  const { form, sessionId, keyShares } = readClientHello(sealed)
  if (form === 'unreadable') return null
  random(digested, randomAt, randomAt + 32)
  random(sessionId, 0, sessionId.length)
  for (const { group, key } of keyShares) {
    const share = freshShare(group)
    if (share?.length === key.length) share.copy(key)
  }
  return digested.subarray(block)
}
