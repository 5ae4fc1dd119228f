import type { RejectReason } from '../../events/contract.ts'
import type { LinkEvents } from '../../net/link.ts'
import { steadySeconds } from '../../replay-cache/memory.ts'
import { payloadLength } from '../../wire/obfuscated2.ts'
import { unwrapper } from '../../wire/records.ts'
import { answer } from '../../wire/server-hello.ts'
import { claiming, dropClaim } from './claiming.ts'
import { connectDatacenter, waiting } from './connecting.ts'
import { front, turnAway } from './fronting.ts'
import {
  type Greeted,
  type Rejected,
  readGreeting,
  readInnerOpening,
  type SignedDetails,
  unfinished,
} from './handshake.ts'
import { dropEarly, forward } from './pending-host.ts'
import {
  append,
  closeSession,
  emitRejected,
  faulted,
  mayKeep,
  ms,
  reasonOf,
  type Session,
} from './session.ts'

/** A client within the records that its signed hello has opened. */
type Inner = { session: Session } & Pick<Signed, 'user' | 'digest'>
type Signed = Extract<Greeted, { step: 'hello' }>

/** The bytes are kept until they are judged: a stranger's go to the masking host as they came. */
const judge = (session: Session): void => {
  const { relay } = session
  const greeting = session.greeting!
  const greeted = readGreeting(greeting, greeting.length, relay.epoch(), relay.rules)
  switch (greeted.step) {
    case 'more':
      relay.greetings.progressed(session)
      return mayKeep(session) ? forward(session) : turnAway(session, 'handshakes')
    case 'rejected':
      return reject(session, greeted)
    case 'hello':
      return answerHello(session, greeted)
    case 'opened':
      return accept(session, greeted, greeting.subarray(payloadLength), {})
  }
}

export const reject = (session: Session, { step: _, reason, ...events }: Rejected): void => {
  dropClaim(session)
  const { relay } = session
  const stays = relay.admitUnauthenticated(session)
  emitRejected(session, reason, stays && relay.mask !== null, events)
  if (stays) return front(session, reason)
  turnAway(session, 'strangers')
}

const answerHello = (session: Session, greeted: Signed): void => {
  const { relay, client } = session
  const { hello, user, events, digest } = greeted
  if (!relay.claim(digest, steadySeconds())) {
    return reject(session, { step: 'rejected', reason: 'replayed', ...events })
  }
  const greet = (): void => {
    dropEarly(session)
    relay.keep(session, 0)
    const { flight, random } = relay
    const answered = answer({ hello, secret: user.secret as Buffer, flight, random })
    client.write(answered, 0, answered.length)
    const rest = session.greeting!.subarray(greeted.length)
    session.greeting = null
    session.unwrap = unwrapper()
    session.signed = events
    const inner: Inner = { session, user, digest }
    client.attach(inside, inner)
    relay.greetings.answered(session)
    if (rest.length > 0) inside.bytes(inner, rest, 0, rest.length)
  }
  if (relay.ask === null) return greet()
  // Our answer would betray us to who replays: it waits for the claim. A dial cannot begin yet, its datacenter is unknown.
  client.attach(waiting, session)
  client.pause()
  relay.greetings.held(session)
  const refused = (reason: RejectReason): void => reject(session, { step: 'rejected', reason, ...events })
  claiming(session, { digest, refused }, () => {
    session.claim = null
    client.resume()
    greet()
  })
}

/** One record with an encrypted alert: two bytes of it, its type, and the tag of the cipher. */
const alertHeader = Buffer.from('1703030013', 'hex')
const alertLength = alertHeader.length + 19

/** Who replays a hello that is forgotten comes this far: it hears the alert that a site answers a bad record with. */
const rejectInside = ({ session }: Inner, reason: 'not-mtproto' | 'unknown-dc'): void => {
  const alert = Buffer.alloc(alertLength)
  alertHeader.copy(alert)
  session.relay.random(alert, alertHeader.length, alertLength)
  session.client.write(alert, 0, alertLength)
  emitRejected(session, reason, false, session.signed!)
  closeSession(session, 'proxy', reason)
}

const accept = (
  session: Session,
  { mode, user, opening, digest }: Extract<Greeted, { step: 'opened' }>,
  rest: Buffer,
  tls: Partial<SignedDetails>,
): void => {
  const { relay } = session
  if (mode !== 'tls' && !relay.claim(digest, steadySeconds())) {
    return reject(session, { step: 'rejected', reason: 'replayed', user: user.name })
  }
  dropEarly(session)
  relay.keep(session, 0)
  // With a claim under way the 64 bytes are still the masking host's, should it be refused.
  const whole = session.greeting
  session.greeting = rest
  const reported = (): void => {
    relay.emit({
      v: 1,
      type: 'handshake.accepted',
      at: relay.epoch(),
      connection: session.id,
      ...session.who!,
      transport: opening.transport,
      elapsedMs: ms(relay.clock() - session.acceptedAt),
      digest: digest.toString('hex', 0, 16),
      client: session.clientHash,
      ...tls,
    })
  }
  const refused = (reason: RejectReason): void => {
    session.greeting = whole
    reject(session, { step: 'rejected', reason, user: user.name })
  }
  const claim = relay.ask === null || mode === 'tls' ? null : { digest, refused }
  connectDatacenter(session, opening, { mode, user: user.name }, reported, claim)
}

/** Nothing more will come. What came may still be the masking host's to answer. */
const cut = (session: Session): void => {
  if (session.greeting === null) return closeSession(session, 'client', 'done')
  session.clientEnded = true
  reject(session, { step: 'rejected', reason: unfinished(session.greeting, session.relay.rules) })
}

/** The first bytes of whoever it is. */
export const greeting: LinkEvents<Session> = {
  bytes: (session, buffer, start, end) => {
    session.greeting = append(session.greeting, buffer, start, end)
    judge(session)
  },
  drained: () => {},
  ended: cut,
  lost: (session, error) => closeSession(session, 'client', reasonOf(error)),
  faulted,
}

/** Behind an answered ClientHello: the 64 bytes, inside records. */
const inside: LinkEvents<Inner> = {
  bytes: (inner, buffer, start, end) => {
    const { session, user, digest } = inner
    const to = session.unwrap!(buffer, start, end)
    if (to < 0) return rejectInside(inner, 'not-mtproto')
    session.relay.greetings.progressed(session)
    if (to === start) return
    session.greeting = append(session.greeting, buffer, start, to)
    if (session.greeting.length < payloadLength) return
    const greeted = readInnerOpening(session.greeting, user, session.relay.rules)
    if (greeted.step !== 'opened') {
      return rejectInside(
        inner,
        greeted.step === 'rejected' && greeted.reason === 'unknown-dc' ? 'unknown-dc' : 'not-mtproto',
      )
    }
    accept(session, { ...greeted, digest }, session.greeting.subarray(payloadLength), session.signed!)
  },
  drained: () => {},
  ended: ({ session }) => closeSession(session, 'client', 'done'),
  lost: ({ session }, error) => closeSession(session, 'client', reasonOf(error)),
  faulted: ({ session }) => faulted(session),
}
