import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

// Node can parse X.509 certificates but not create them, and tests must not depend on the openssl command. RFC 5280, X.690.

const der = (tag: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  const { length: n } = body
  // The shortest form: Java encodes the certificate again and checks the signature over its own encoding.
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), body])
}
const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts)
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))
const utcTime = (at: number): Buffer =>
  der(0x17, Buffer.from(`${new Date(at).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`))

const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
const day = 86_400_000

type Pair = { readonly key: string; readonly cert: string }
type Issuer = { readonly name: string; readonly privateKey: KeyObject }

const nameOf = (name: string): Buffer =>
  sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(name)))))

/** An IP address needs its own type of name: clients do not accept it as a DNS name. */
const alternative = (name: string): Buffer =>
  isIP(name) === 4 ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name))
const extensions = {
  subject: (name: string): Buffer => sequence(oid('551d11'), der(0x04, sequence(alternative(name)))),
  authority: (): Buffer => {
    const yes = der(0x01, Buffer.from([0xff]))
    return sequence(oid('551d13'), yes, der(0x04, sequence(yes)))
  },
}

/** A certificate valid from yesterday for a month, signed by itself without an issuer. */
const certificate = (name: string, extension: Buffer, issuer?: Issuer): Pair & Issuer => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const serial = randomBytes(8)
  serial[0] = 1
  const signed = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ecdsaWithSha256,
    nameOf(issuer?.name ?? name),
    sequence(utcTime(Date.now() - day), utcTime(Date.now() + 30 * day)),
    nameOf(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(extension)),
  )
  const signature = sign('sha256', signed, issuer?.privateKey ?? privateKey)
  const text = sequence(signed, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature)).toString('base64')
  return {
    name,
    privateKey,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${text.replace(/.{64}(?!$)/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  }
}

/** A self-signed certificate for one name or IPv4 address, as PEM texts for node:tls. */
export const selfSigned = (name: string): Pair => certificate(name, extensions.subject(name))

/** A private certificate authority; `issue` returns a certificate that it signed. */
export const authority = (): { readonly cert: string; issue(name: string): Pair } => {
  const own = certificate('An authority of a test', extensions.authority())
  return { cert: own.cert, issue: (name) => certificate(name, extensions.subject(name), own) }
}
