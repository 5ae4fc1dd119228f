import { hash } from 'node:crypto'
import type { Mode, RejectReason } from '../events/contract.ts'
import { type Hello, helloLength, parseClientHello, signatureOf, signedBy } from '../wire/client-hello.ts'
import { ja4 } from '../wire/ja4.ts'
import { dcOf, type Opening, openPayload, payloadLength, reservedStart } from '../wire/obfuscated2.ts'
import type { RelayUser } from './settings.ts'

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

export type Greeted =
  | { step: 'more' }
  | Rejected
  /** A signed ClientHello in the first `length` bytes: answer it, then read the opening inside its records. */
  | {
      step: 'hello'
      length: number
      hello: Hello
      user: RelayUser
      skewSeconds: number
      ja4: string
      digest: Buffer
    }
  /** The first 64 bytes open the way. */
  | { step: 'opened'; mode: Mode; user: RelayUser; opening: Opening; digest: Buffer }

/** TDLib cuts the name it asks for. */
const LONGEST_NAME = 182

const more: Greeted = { step: 'more' }
const rejected = (reason: RejectReason): Rejected => ({ step: 'rejected', reason })

const looksLikeTls = (bytes: Buffer, length: number): boolean =>
  bytes[0] === 0x16 && (length < 2 || bytes[1] === 3) && (length < 3 || bytes[2]! <= 4)

/**
 * Judges the first `length` bytes of a connection, as many as have come. Never throws; foreign bytes are told as soon
 * as they can be. Whether it was seen before is not asked here: `digest` is what to ask for.
 */
export const readGreeting = (bytes: Buffer, length: number, now: number, rules: Rules): Greeted => {
  if (length === 0) return more
  if (looksLikeTls(bytes, length)) {
    // A payload of the other modes may begin like this as well, if rarely: it is 64 bytes that a user's secret opens.
    return rules.modes.includes('tls')
      ? readHello(bytes, length, now, rules)
      : readPayload(bytes, length, rules)
  }
  if (rules.modes.every((mode) => mode === 'tls')) return rejected('not-mtproto')
  return readPayload(bytes, length, rules)
}

const readHello = (bytes: Buffer, length: number, now: number, rules: Rules): Greeted => {
  const whole = helloLength(bytes, length)
  if (whole === 'more') return more
  if (typeof whole === 'string') return rejected('not-mtproto')
  const hello = parseClientHello(bytes, whole)
  if ('error' in hello) return rejected('not-mtproto')
  const print = ja4(hello)
  for (const user of rules.users) {
    const time = signedBy(hello, user.secret as Buffer)
    if (time === null) continue
    promote(rules.users, user)
    const skewSeconds = time - Math.floor(now / 1000)
    const facts = { user: user.name, skewSeconds, ja4: print }
    if (hello.serverName?.toLowerCase() !== rules.tlsDomain.slice(0, LONGEST_NAME).toLowerCase()) {
      return { step: 'rejected', reason: 'unknown-sni', ...facts }
    }
    if (Math.abs(skewSeconds) > rules.clockSkewSeconds) {
      return { step: 'rejected', reason: 'clock-skew', ...facts }
    }
    return { step: 'hello', length: whole, hello, user, skewSeconds, ja4: print, digest: signatureOf(hello) }
  }
  return { step: 'rejected', reason: 'bad-digest', ja4: print }
}

/** A whole line, or so much text that a payload begins like it once in five million times. */
const LINE = 6
const TEXT = 16

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

const readPayload = (bytes: Buffer, length: number, rules: Rules): Greeted => {
  // Told at the first byte that only something else sends; 8 are needed to be sure of the rest.
  if (bytes[0] === 0xef || (length >= 8 && reservedStart(bytes))) return rejected('not-mtproto')
  if (length < payloadLength) return isText(bytes, length) ? rejected('not-mtproto') : more
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
