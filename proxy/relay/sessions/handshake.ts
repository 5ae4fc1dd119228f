import { hash } from 'node:crypto'
import type { Mode, RejectReason } from '../../events/contract.ts'
import type { LimitedUser } from '../../user-limits/limited-user.ts'
import {
  type Hello,
  helloLength,
  readClientHello,
  type Sealed,
  sealedHello,
  signatureOf,
  signedBy,
  signedRecord,
} from '../../wire/client-hello.ts'
import { ja4 } from '../../wire/ja4.ts'
import {
  dcOf,
  type Opening,
  openPayload,
  payloadLength,
  reservedStart,
  reservedWord,
} from '../../wire/obfuscated2.ts'
import type { Domain, Domains } from '../settings.ts'
import { domainNamed } from './domains.ts'
import { FEW } from './handshake-bounds.ts'

export type User = {
  readonly name: string
  readonly secret: Buffer
  /** Absent: the user has no limits. Changes while its connections run. */
  limited?: LimitedUser | undefined
  adTag?: string | null | undefined
}

/** The rules by which a handshake is accepted. */
export type Rules = {
  /** Up to `FEW`: the user of the latest handshake first. */
  users: User[]
  /** How often secrets of users were tried on a handshake. */
  asked: number
  modes: readonly Mode[]
  domains: Domains
  clockSkewSeconds: number
  /** Whether the directory has an address for the id. */
  knows(id: number): boolean
}

export type Rejected = {
  step: 'rejected'
  reason: RejectReason
  user?: string
  skewSeconds?: number
  ja4?: string
  /** The name that an unsigned hello asks for. */
  serverName?: string | null
}

/** A signed hello in events. `ja4` is missing when the hello cannot be read up to its extensions. */
export type SignedDetails = { user: string; skewSeconds: number; ja4?: string }

export type Decision =
  | { step: 'more' }
  | Rejected
  /** A signed ClientHello in the first `length` bytes: answer it, then read the 64 bytes inside TLS records. */
  | {
      step: 'hello'
      length: number
      hello: Hello
      domain: Domain
      user: User
      details: SignedDetails
      digest: Buffer
    }
  | Opened

/** 64 bytes that a user's secret opens. */
type Opened = { step: 'opened'; mode: Mode; user: User; opening: Opening; digest: Buffer }

const more: Decision = { step: 'more' }
const rejected = (reason: RejectReason): Rejected => ({ step: 'rejected', reason })

/**
 * Decides on the first `length` bytes of a connection. Never throws, and rejects foreign bytes as early as possible.
 * Does not look for replays: that is the claim of `digest`. `users`: those whose secrets are tried.
 */
export const readHandshake = (
  bytes: Buffer,
  length: number,
  now: number,
  rules: Rules,
  users: readonly User[] = rules.users,
): Decision => {
  if (length === 0) return more
  if (bytes[0] === 0x16) {
    const decision = readHello(bytes, length, now, rules, users)
    if (decision !== null) return decision
  }
  if (rules.modes.every((mode) => mode === 'tls')) return rejected('not-mtproto')
  return readPayload(bytes, length, rules, users)
}

/**
 * Verifies the signature first: a signed hello is a user's and gets an answer, whatever the form of the rest. Null: not
 * signed, and not TLS or `tls` not in MODES. (In rare cases a payload of another mode begins as TLS does.)
 */
const readHello = (
  bytes: Buffer,
  length: number,
  now: number,
  rules: Rules,
  users: readonly User[],
): Decision | null => {
  const framed = helloLength(bytes, length)
  const end = typeof framed === 'number' ? framed : signedRecord(bytes, length, framed === 'more')
  const sealed = end === 0 ? null : sealedHello(bytes, end)
  if (sealed !== null) {
    rules.asked++
    for (const user of users) {
      const time = signedBy(sealed, user.secret)
      if (time === null) continue
      promote(rules, users, user)
      return readSigned(sealed, { length: end, user, skewSeconds: time - Math.floor(now / 1000) }, rules)
    }
  }
  if (framed === 'not-tls' || !rules.modes.includes('tls')) return null
  if (framed === 'more') return more
  if (sealed === null) return rejected('malformed-hello')
  const hello = readClientHello(sealed)
  const right = typeof framed === 'number' && hello.form === 'right'
  const { serverName } = hello
  return { step: 'rejected', reason: right ? 'bad-digest' : 'malformed-hello', serverName, ...printOf(hello) }
}

/** The reject reason of a client that ended before its handshake was complete. */
export const unfinished = (bytes: Buffer, { modes }: Rules): RejectReason =>
  modes.includes('tls') && helloLength(bytes, bytes.length) !== 'not-tls' ? 'malformed-hello' : 'not-mtproto'

const printOf = (hello: Hello): { ja4?: string } => (hello.form === 'unreadable' ? {} : { ja4: ja4(hello) })

type Signed = { length: number; user: User; skewSeconds: number }

const readSigned = (sealed: Sealed, { length, user, skewSeconds }: Signed, rules: Rules): Decision => {
  const hello = readClientHello(sealed)
  const { serverName } = hello
  const details: SignedDetails = { user: user.name, skewSeconds, ...printOf(hello) }
  const refused = (reason: RejectReason): Rejected => ({ step: 'rejected', reason, serverName, ...details })
  if (!rules.modes.includes('tls')) return refused('mode-off')
  // A hello without a name asks for no other site, and its signature proves the user.
  const domain = domainNamed(rules.domains, serverName)
  if (domain === null) return refused('unknown-sni')
  if (Math.abs(skewSeconds) > rules.clockSkewSeconds) return refused('clock-skew')
  return { step: 'hello', length, hello, domain, user, details, digest: signatureOf(hello) }
}

/** A whole line, or text of a length with which a payload begins once in five million times. */
const LINE = 6
const TEXT = 16
const LONGEST_RECORD = 16_384 + 256

/**
 * Whether the bytes are text, which a site answers immediately. A payload is random: 1 in 30 000 begins with such a line,
 * and no known client cuts its payload there.
 */
const isText = (bytes: Buffer, length: number): boolean => {
  if (length < TEXT && (length < LINE || bytes[length - 1] !== 0x0a)) return false
  for (let at = 0; at < length; at++) {
    const byte = bytes[at]!
    if ((byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) || byte > 0x7e) return false
  }
  return true
}

/** Whether a site would answer without more bytes: a TLS record that is not a handshake, or an SSL 2 hello. */
const isRecord = (bytes: Buffer, length: number): boolean => {
  if (length < 5) return false
  const [type = 0, version = 0, minor = 0] = bytes
  const known = type === 0x14 || type === 0x15 || type === 0x17 || type === 0x18
  if (known && version === 3 && minor <= 4) return bytes.readUInt16BE(3) <= LONGEST_RECORD
  return type === 0x80 && minor === 1 && (bytes[3] === 3 ? bytes[4]! <= 4 : bytes.readUInt16BE(3) === 2)
}

/** Whether bytes that need `more` may be part of a payload, which looks random. */
export const mayBePayload = (bytes: Buffer, length: number, rules: Rules): boolean =>
  rules.modes.some((mode) => mode !== 'tls') &&
  (length < 3 || !rules.modes.includes('tls') || helloLength(bytes, length) !== 'more')

const readPayload = (bytes: Buffer, length: number, rules: Rules, users: readonly User[]): Decision => {
  // Rejects at the first byte that no payload has there; some other protocols need 8 bytes.
  if (bytes[0] === 0xef || (length >= 4 && reservedWord(bytes))) return rejected('not-mtproto')
  if (length >= 8 && reservedStart(bytes)) return rejected('not-mtproto')
  if (length < payloadLength)
    return isText(bytes, length) || isRecord(bytes, length) ? rejected('not-mtproto') : more
  rules.asked++
  for (const user of users) {
    const opening = openPayload(bytes, user.secret)
    if (opening === null) continue
    promote(rules, users, user)
    const mode: Mode = opening.transport === 'padded-intermediate' ? 'secure' : 'classic'
    if (!rules.modes.includes(mode)) return { step: 'rejected', reason: 'mode-off', user: user.name }
    return opened(mode, user, opening, bytes, rules)
  }
  return rejected('unknown-user')
}

/** Reads the 64 bytes inside the records after an answered hello, with the secret that signed the hello. */
export const readInnerOpening = (bytes: Buffer, user: User, rules: Rules): Opened | InnerRejected => {
  const opening = openPayload(bytes, user.secret)
  return opening === null
    ? { step: 'rejected', reason: 'not-mtproto' }
    : opened('tls', user, opening, bytes, rules)
}

type InnerRejected = Rejected & { reason: 'not-mtproto' | 'unknown-dc' }

const opened = (
  mode: Mode,
  user: User,
  opening: Opening,
  bytes: Buffer,
  rules: Rules,
): Opened | InnerRejected => {
  const { id } = dcOf(opening.dc)
  if (id === null || !rules.knows(id)) return { step: 'rejected', reason: 'unknown-dc', user: user.name }
  // Covers the part that makes the keys: an attacker can change the rest without the secret.
  const digest = hash('sha256', bytes.subarray(8, 56), 'buffer')
  return { step: 'opened', mode, user, opening, digest }
}

/** Moves a user to the front: with a hundred users, most handshakes then try only a few secrets. */
const promote = (rules: Rules, tried: readonly User[], user: User): void => {
  const { users } = rules
  // A search among many users walks through them: their order stays.
  const at = tried === users && users.length <= FEW ? users.indexOf(user) : 0
  if (at > 0) {
    users.copyWithin(1, 0, at)
    users[0] = user
  }
}
