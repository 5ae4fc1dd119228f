import type { LinkEvents } from '../../net/link.ts'
import { steadySeconds } from '../../replay-cache/memory.ts'
import { classOf, templateOf } from '../../wire/hello-class.ts'
import { payloadLength } from '../../wire/obfuscated2.ts'
import { unwrapper } from '../../wire/records.ts'
import { answer } from '../../wire/server-hello.ts'
import { append } from './append.ts'
import { type Claim, type ClaimRefusal, claiming, dropClaim } from './claiming.ts'
import { closeSession, emitRejected, faulted, faultedPhase, reasonOf, turnAway } from './closing.ts'
import { connectDatacenter, waiting } from './connecting.ts'
import { front, maskOf, silence } from './fronting.ts'
import {
  type Decision,
  type Rejected,
  readInnerOpening,
  type SignedDetails,
  unfinished,
} from './handshake.ts'
import { dropHost, forward } from './pending-host.ts'
import { admitUnauthenticated, endHandshake, keep, keepReceived } from './places.ts'
import { ms, type Session } from './session.ts'
import { admitUser, leaseOf, leaveUser } from './user-place.ts'
import { findUser, noteUser } from './user-search.ts'

type Signed = Extract<Decision, { step: 'hello' }>

/** A client inside the TLS records that follow its signed hello. */
type Inner = { session: Session } & Pick<Signed, 'user' | 'digest'>

/**
 * The decision on a client whose address is blocked: it waits for as many bytes as any other client, and sees the site that it
 * asked for, too.
 */
const refused = (read: Decision): Decision => {
  switch (read.step) {
    case 'more':
      return read
    case 'rejected':
      return { ...read, reason: 'blocked' }
    case 'hello':
      return { step: 'rejected', reason: 'blocked', serverName: read.hello.serverName, ...read.details }
    case 'opened':
      return { step: 'rejected', reason: 'blocked', user: read.user.name }
  }
}

/** Decides on the bytes received so far. They are kept until then: the masking host gets those of a rejected client. */
const decide = (session: Session, received: Buffer): void => {
  findUser(session, (decision) => act(session, session.blocked ? refused(decision) : decision, received))
  if (session.searching && !keepReceived(session)) turnAway(session, 'handshakes')
}

const act = (session: Session, decision: Decision, received: Buffer): void => {
  const { relay, client } = session
  switch (decision.step) {
    case 'more':
      client.attach(authenticating, session)
      relay.handshakes.progressed(session)
      return keepReceived(session) ? forward(session) : turnAway(session, 'handshakes')
    case 'rejected':
      return reject(session, decision)
    case 'hello':
      return acceptHello(session, decision, received)
    case 'opened':
      return accept(session, decision, received.subarray(payloadLength), {})
  }
}

/** Forwards the client to the masking host, or closes it where no place for unauthenticated clients is left. */
export const reject = (session: Session, { step: _, reason, serverName, ...details }: Rejected): void => {
  dropClaim(session)
  if (serverName !== undefined) session.serverName = serverName
  leaveUser(session)
  session.user = null
  const admitted = admitUnauthenticated(session)
  emitRejected(session, reason, admitted && maskOf(session) !== null, details)
  if (admitted) return front(session, reason)
  turnAway(session, 'strangers')
}

const acceptHello = (session: Session, signed: Signed, received: Buffer): void => {
  const { relay } = session
  const { digest, details } = signed
  session.serverName = signed.hello.serverName
  if (!relay.claim(digest, steadySeconds())) {
    return reject(session, { step: 'rejected', reason: 'replayed', ...details })
  }
  const limit = admitUser(session, signed.user, 'tls')
  const granted = (): void =>
    limit === null ? answerHello(session, signed, received) : refuse(session, { ...details, reason: limit })
  if (relay.ask === null) return granted()
  // Our answer would reveal the proxy to a replay, so it waits for the claim. The datacenter is still unknown: no dial.
  const refused = (reason: ClaimRefusal): void => refuseClaim(session, { reason, ...details })
  claimFirst(session, { digest, lease: leaseOf(session), refused }, granted)
}

/** Another proxy has seen the handshake, none has answered, or the user has no place among all proxies. */
const refuseClaim = (session: Session, details: { reason: ClaimRefusal } & Omit<Rejected, 'step'>): void =>
  details.reason === 'replayed' || details.reason === 'unclaimed'
    ? reject(session, { step: 'rejected', ...details })
    : refuse(session, details)

/** Waits for the claim before anything else. */
const claimFirst = (session: Session, claim: Claim, granted: () => void): void => {
  const { client } = session
  client.attach(waiting, session)
  client.pause()
  session.relay.handshakes.suspend(session)
  claiming(session, claim, () => {
    session.claim = null
    client.resume()
    granted()
  })
}

/**
 * Refuses a client because of a limit of its user: it gets no answer until it gives up. Apps wait 10 s for one; after a
 * close they come back five times within a second, and again every few seconds (docs/decisions/0090).
 */
const refuse = (session: Session, details: Omit<Rejected, 'step'>): void => {
  leaveUser(session)
  dropHost(session)
  keep(session, 0)
  session.user = null
  session.received = null
  session.refused = true
  session.endReason = details.reason
  const { reason, ...rest } = details
  emitRejected(session, reason, false, rest)
  endHandshake(session)
  if (!admitUnauthenticated(session)) return turnAway(session, 'strangers')
  session.client.attach(silence, session)
  session.client.resume()
}

const answerHello = (session: Session, signed: Signed, received: Buffer): void => {
  const { relay, client } = session
  const { hello, domain, user, details, digest } = signed
  dropHost(session)
  keep(session, 0)
  const kind = details.ja4 === undefined ? '' : classOf(hello, details.ja4)
  const answered = answer({ hello, secret: user.secret, flight: domain.flight, random: relay.random, kind })
  client.write(answered, 0, answered.length)
  const rest = received.subarray(signed.length)
  session.received = null
  session.unwrap = unwrapper()
  session.user = user
  session.pace = { of: domain.records, next: 0, at: 0 }
  session.signed = details
  const inner: Inner = { session, user, digest }
  client.attach(insideRecords, inner)
  learn(relay, signed, kind)
  relay.handshakes.answered(session)
  if (rest.length > 0) insideRecords.bytes(inner, rest, 0, rest.length)
}

/** Classes of hellos that one thread passes on: apps send two or three. */
const MOST_CLASSES = 64

/** Passes the first hello of a class on, to be asked of the masking host. */
const learn = (relay: Session['relay'], { hello, domain, details }: Signed, kind: string): void => {
  const key = `${domain.name} ${kind}`
  if (hello.form !== 'right' || domain.mask === null || details.ja4 === undefined) return
  if (relay.newHello === null || relay.classes.has(key) || relay.classes.size >= MOST_CLASSES) return
  relay.classes.add(key)
  relay.newHello(domain.name, kind, templateOf(hello))
}

/** One record with an encrypted alert: two bytes, its type, and the tag of the cipher. */
const alertHeader = Buffer.from('1703030013', 'hex')
const alertLength = alertHeader.length + 19

/** Closes with the alert that a site sends for a bad record: a replay of a forgotten hello comes this far. */
const rejectInside = ({ session }: Inner, reason: 'not-mtproto' | 'unknown-dc'): void => {
  const alert = Buffer.alloc(alertLength)
  alertHeader.copy(alert)
  session.relay.random(alert, alertHeader.length, alertLength)
  session.client.write(alert, 0, alertLength)
  emitRejected(session, reason, false, session.signed ?? {})
  closeSession(session, 'proxy', reason)
}

const accept = (
  session: Session,
  { mode, user, opening, digest }: Extract<Decision, { step: 'opened' }>,
  rest: Buffer,
  signed: Partial<SignedDetails>,
): void => {
  const { relay } = session
  if (mode !== 'tls' && !relay.claim(digest, steadySeconds())) {
    return reject(session, { step: 'rejected', reason: 'replayed', user: user.name })
  }
  // Inside of TLS, the hello has decided.
  const limit = mode === 'tls' ? null : admitUser(session, user, mode)
  if (limit !== null) return refuseClaimed(session, { reason: limit, user: user.name }, digest)
  dropHost(session)
  keep(session, 0)
  // If the claim is refused, the masking host gets all bytes, the 64 of the payload too.
  const whole = session.received
  session.received = rest
  const accepted = (): void => {
    noteUser(session)
    relay.emit({
      v: 1,
      type: 'handshake.accepted',
      at: relay.epoch(),
      connection: session.id,
      ...session.labels!,
      transport: opening.transport,
      elapsedMs: ms(relay.clock() - session.acceptedAt),
      digest: digest.toString('hex', 0, 16),
      client: session.clientHash,
      ...signed,
    })
  }
  const refused = (reason: ClaimRefusal): void => {
    session.received = whole
    refuseClaim(session, { reason, user: user.name })
  }
  const claim = relay.ask === null || mode === 'tls' ? null : { digest, lease: leaseOf(session), refused }
  connectDatacenter(session, opening, { mode, user: user.name }, accepted, claim)
}

/** Refuses a client without a hello. A replay of it gets what every other replay gets. */
const refuseClaimed = (session: Session, details: Omit<Rejected, 'step'>, digest: Buffer): void => {
  if (session.relay.ask === null) return refuse(session, details)
  const refused = (reason: ClaimRefusal): void => refuseClaim(session, { ...details, reason })
  claimFirst(session, { digest, lease: null, refused }, () => refuse(session, details))
}

/** The client ends before its handshake is complete: the masking host may still answer what came. */
const endUnfinished = (session: Session): void => {
  const { received, listener } = session
  if (received === null) return closeSession(session, 'client', 'done')
  session.clientEnded = true
  const reason = session.blocked ? 'blocked' : unfinished(received, listener.rules)
  reject(session, { step: 'rejected', reason })
}

/** The first bytes of any client. */
export const authenticating: LinkEvents<Session> = {
  bytes: (session, buffer, start, end) => {
    const received = append(session.received, buffer, start, end)
    session.received = received
    decide(session, received)
  },
  drained: () => {},
  ended: endUnfinished,
  lost: (session, error) => closeSession(session, 'client', reasonOf(error)),
  faulted,
}

/** After an answered hello: the 64 bytes inside TLS records. */
const insideRecords: LinkEvents<Inner> = {
  bytes: (inner, buffer, start, end) => {
    const { session, user, digest } = inner
    const { relay, unwrap } = session
    const to = unwrap!(buffer, start, end)
    if (to < 0) return rejectInside(inner, 'not-mtproto')
    relay.handshakes.progressed(session)
    if (to === start) return
    const received = append(session.received, buffer, start, to)
    session.received = received
    if (received.length < payloadLength) return
    const decision = readInnerOpening(received, user, session.listener.rules)
    if (decision.step === 'rejected') return rejectInside(inner, decision.reason)
    accept(session, { ...decision, digest }, received.subarray(payloadLength), session.signed ?? {})
  },
  drained: () => {},
  ended: ({ session }) => closeSession(session, 'client', 'done'),
  lost: ({ session }, error) => closeSession(session, 'client', reasonOf(error)),
  faulted: faultedPhase,
}
