import type { LinkEvents } from '../../net/link.ts'
import { reject } from './authenticating.ts'
import { dialHost, fromHost, turnAway } from './fronting.ts'
import { mayBePayload } from './handshake.ts'
import { append, faulted, mayKeep, type Session } from './session.ts'

/** A client that sends nothing, or not enough, for so long is no ordinary one; ms. */
export const MEET_MS = 100
/** Most bytes of the host that are kept until the client is judged. */
const HELD = 4_096

/**
 * Whether what the host does may reach a client that is not judged yet. Nobody loses by it who is silent or has sent part
 * of a hello: a host does nothing then but give the client up. Part of a payload it takes for garbage, though, and a
 * client of the other modes that sends its 64 bytes in pieces has not deserved that.
 */
const passesOn = ({ claim, greeting, relay }: Session): boolean =>
  claim === null && (greeting === null || !mayBePayload(greeting, greeting.length, relay.rules))

/** The host acts before the client is judged, as it does before anyone who is so slow: from now on it has the client. */
const handOver = (session: Session): boolean => {
  reject(session, { step: 'rejected', reason: 'timeout' })
  return !session.closed
}

const beside: LinkEvents<Session> = {
  bytes: (session, buffer, start, end) => {
    if (passesOn(session)) {
      if (handOver(session)) fromHost.bytes(session, buffer, start, end)
      return
    }
    const early = session.early!
    early.held = append(early.held, buffer, start, end)
    if (early.held.length >= HELD) early.host!.pause()
    if (!mayKeep(session)) turnAway(session, 'handshakes')
  },
  drained: () => {},
  ended: (session) => {
    if (!passesOn(session)) session.early!.ended = true
    else if (handOver(session)) fromHost.ended(session)
  },
  lost: (session, error) => {
    if (!passesOn(session)) session.early!.lost = error
    else if (handOver(session)) fromHost.lost(session, error)
  },
  faulted,
}

/** Dials the masking host for a client that keeps the proxy waiting, so that the host's own patience begins in time. */
export const meet = (session: Session): void => {
  if (!session.greets) return
  const { relay, claim, unwrap } = session
  if (claim !== null || unwrap !== null || relay.mask === null) return
  // In a flood the host is left alone.
  if (relay.greetings.size > relay.settings.maxHandshakes / 2) return
  if (relay.meetings.begin(session.prefix)) dialHost(session, beside, true)
}
