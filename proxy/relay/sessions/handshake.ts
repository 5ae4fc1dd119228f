import { hash } from 'node:crypto'
import type { Mode, RejectReason } from '../../events/contract.ts'
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
import type { RelayUser } from '../settings.ts'

/** What the first bytes of a connection are judged by. */
export type Rules = {
  users: readonly RelayUser[]
  modes: readonly Mode[]
  tlsDomain: string
  clockSkewSeconds: number
  /** Whether a directory id leads anywhere. */
  knows(id: number): boolean
}

export type Rejected = {
  step: 'rejected'
  reason: RejectReason
  user?: string
  skewSeconds?: number
  ja4?: string
}

/** Fields of a signed hello for events. Without `ja4` the hello could not be read up to its extensions. */
export type SignedDetails = { user: string; skewSeconds: number; ja4?: string }

export type Greeted =
  | { step: 'more' }
  | Rejected
  /** A signed ClientHello in the first `length` bytes: answer it, then read the opening inside its records. */
  | {
      step: 'hello'
      length: number
      hello: Hello
      user: RelayUser
      events: SignedDetails
      digest: Buffer
    }
  /** The first 64 bytes open the way. */
  | { step: 'opened'; mode: Mode; user: RelayUser; opening: Opening; digest: Buffer }

/** TDLib cuts the name it asks for. */
const LONGEST_NAME = 182

const more: Greeted = { step: 'more' }
const rejected = (reason: RejectReason): Rejected => ({ step: 'rejected', reason })

/**
 * Judges the first `length` bytes of a connection, as many as have come. Never throws; foreign bytes are told as soon
 * as they can be. Whether it was seen before is not asked here: `digest` is what to ask for.
 */
export const readGreeting = (bytes: Buffer, length: number, now: number, rules: Rules): Greeted => {
  if (length === 0) return more
  if (bytes[0] === 0x16) {
    const greeted = readHello(bytes, length, now, rules)
    if (greeted !== null) return greeted
  }
  if (rules.modes.every((mode) => mode === 'tls')) return rejected('not-mtproto')
  return readPayload(bytes, length, rules)
}

/**
 * The signature comes first: a signed hello is of a user, who must be answered whatever the form of the rest. Null: it
 * is not signed, and not TLS or not among MODES. (A payload of the other modes may begin as TLS does, if rarely.)
 */
const readHello = (bytes: Buffer, length: number, now: number, rules: Rules): Greeted | null => {
  const framed = helloLength(bytes, length)
  const end = typeof framed === 'number' ? framed : signedRecord(bytes, length, framed === 'more')
  const sealed = end === 0 ? null : sealedHello(bytes, end)
  if (sealed !== null) {
    for (const user of rules.users) {
      const time = signedBy(sealed, user.secret as Buffer)
      if (time === null) continue
      promote(rules.users, user)
      return readSigned(sealed, { length: end, user, skewSeconds: time - Math.floor(now / 1000) }, rules)
    }
  }
  if (framed === 'not-tls' || !rules.modes.includes('tls')) return null
  if (framed === 'more') return more
  if (sealed === null) return rejected('malformed-hello')
  const hello = readClientHello(sealed)
  const right = typeof framed === 'number' && hello.form === 'right'
  return { step: 'rejected', reason: right ? 'bad-digest' : 'malformed-hello', ...printOf(hello) }
}

/** Why a connection is rejected whose client ended it before its first bytes could be judged. */
export const unfinished = (bytes: Buffer, { modes }: Rules): RejectReason =>
  modes.includes('tls') && helloLength(bytes, bytes.length) !== 'not-tls' ? 'malformed-hello' : 'not-mtproto'

const printOf = (hello: Hello): { ja4?: string } => (hello.form === 'unreadable' ? {} : { ja4: ja4(hello) })

type Signed = { length: number; user: RelayUser; skewSeconds: number }

const readSigned = (sealed: Sealed, { length, user, skewSeconds }: Signed, rules: Rules): Greeted => {
  const hello = readClientHello(sealed)
  const events: SignedDetails = { user: user.name, skewSeconds, ...printOf(hello) }
  if (!rules.modes.includes('tls')) return { step: 'rejected', reason: 'mode-off', ...events }
  // Without a name it asks for no other site, and has still proved to be of a user.
  if (hello.serverName !== null && !sameName(hello.serverName, rules.tlsDomain)) {
    return { step: 'rejected', reason: 'unknown-sni', ...events }
  }
  if (Math.abs(skewSeconds) > rules.clockSkewSeconds) {
    return { step: 'rejected', reason: 'clock-skew', ...events }
  }
  return { step: 'hello', length, hello, user, events, digest: signatureOf(hello) }
}

const sameName = (asked: string, domain: string): boolean => {
  const [name, right] = [asked.toLowerCase(), domain.toLowerCase()]
  return name === right || name === right.slice(0, LONGEST_NAME)
}

/** A whole line, or so much text that a payload begins like it once in five million times. */
const LINE = 6
const TEXT = 16
const LONGEST_RECORD = 16_384 + 256

/**
 * Whether it is words, which a site answers at once: a payload is random bytes, and one that is cut behind such a line
 * (1 in 30 000 would have one there) comes from no client that is known.
 */
const isText = (bytes: Buffer, length: number): boolean => {
  if (length < TEXT && (length < LINE || bytes[length - 1] !== 0x0a)) return false
  for (let at = 0; at < length; at++) {
    const byte = bytes[at]!
    if ((byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) || byte > 0x7e) return false
  }
  return true
}

/** What a site answers without waiting for more: a TLS record that is no handshake, or an SSL 2 hello. */
const isRecord = (bytes: Buffer, length: number): boolean => {
  if (length < 5) return false
  const [type = 0, version = 0, minor = 0] = bytes
  const known = type === 0x14 || type === 0x15 || type === 0x17 || type === 0x18
  if (known && version === 3 && minor <= 4) return bytes.readUInt16BE(3) <= LONGEST_RECORD
  return type === 0x80 && minor === 1 && (bytes[3] === 3 ? bytes[4]! <= 4 : bytes.readUInt16BE(3) === 2)
}

/** Whether the first bytes, judged `more`, may be part of a payload: of a mode whose clients begin like random. */
export const mayBePayload = (bytes: Buffer, length: number, rules: Rules): boolean =>
  rules.modes.some((mode) => mode !== 'tls') &&
  (length < 3 || !rules.modes.includes('tls') || helloLength(bytes, length) !== 'more')

const readPayload = (bytes: Buffer, length: number, rules: Rules): Greeted => {
  // Told at the first byte that only something else sends; 8 are needed to be sure of the rest.
  if (bytes[0] === 0xef || (length >= 4 && reservedWord(bytes))) return rejected('not-mtproto')
  if (length >= 8 && reservedStart(bytes)) return rejected('not-mtproto')
  if (length < payloadLength)
    return isText(bytes, length) || isRecord(bytes, length) ? rejected('not-mtproto') : more
  for (const user of rules.users) {
    const opening = openPayload(bytes, user.secret as Buffer)
    if (opening === null) continue
    promote(rules.users, user)
    const mode: Mode = opening.transport === 'padded-intermediate' ? 'secure' : 'classic'
    if (!rules.modes.includes(mode)) return { step: 'rejected', reason: 'mode-off', user: user.name }
    return opened(mode, user, opening, bytes, rules)
  }
  return rejected('unknown-user')
}

/** Reads the opening that comes inside the records of an answered hello: of its user or of nobody. */
export const readInnerOpening = (bytes: Buffer, user: RelayUser, rules: Rules): Greeted => {
  const opening = openPayload(bytes, user.secret as Buffer)
  return opening === null ? rejected('not-mtproto') : opened('tls', user, opening, bytes, rules)
}

const opened = (mode: Mode, user: RelayUser, opening: Opening, bytes: Buffer, rules: Rules): Greeted => {
  const { id } = dcOf(opening.dc)
  if (id === null || !rules.knows(id)) return { step: 'rejected', reason: 'unknown-dc', user: user.name }
  // Of the part that makes the keys; the rest can be changed without the secret being known.
  const digest = hash('sha256', bytes.subarray(8, 56), 'buffer')
  return { step: 'opened', mode, user, opening, digest }
}

/** Who came last is tried first: among a hundred users a handshake then seldom asks more than a few. */
const promote = (users: readonly RelayUser[], user: RelayUser): void => {
  const list = users as RelayUser[]
  const at = list.indexOf(user)
  if (at > 0) {
    list.copyWithin(1, 0, at)
    list[0] = user
  }
}
