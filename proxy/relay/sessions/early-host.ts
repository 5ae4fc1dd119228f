import type { LinkEvents } from '../../net/link.ts'
import { append } from './append.ts'
import { reject } from './authenticating.ts'
import { faulted, turnAway } from './closing.ts'
import { dialHost, fromHost, maskOf } from './fronting.ts'
import { mayBePayload } from './handshake.ts'
import { keepReceived } from './places.ts'
import type { Fronted, Session } from './session.ts'

/** A client whose handshake takes longer than this is not an ordinary one; ms. */
export const EARLY_AFTER_MS = 100
/** Bytes of the host that are kept until the client is accepted or rejected. */
const HELD = 4_096

/**
 * Whether the client may see what the host does. Yes while it is silent or has sent part of a hello: a host only closes
 * then. Not after part of a payload: the host takes that for garbage, and a user's client may send its 64 bytes in pieces.
 */
const mayPass = ({ claim, searching, received, listener }: Session): boolean =>
  claim === null &&
  !searching &&
  (received === null || !mayBePayload(received, received.length, listener.rules))

/** Rejects the client and hands it to the host, because the host has acted first. Null: the connection has closed. */
const handOver = (session: Session): Fronted | null => {
  reject(session, { step: 'rejected', reason: 'timeout' })
  return session.closed ? null : session.fronted
}

const beforeRejection: LinkEvents<Session> = {
  bytes: (session, buffer, start, end) => {
    const { pendingHost } = session
    if (pendingHost === null) return
    if (mayPass(session)) {
      const fronted = handOver(session)
      if (fronted !== null) fromHost.bytes(fronted, buffer, start, end)
      return
    }
    pendingHost.held = append(pendingHost.held, buffer, start, end)
    if (pendingHost.held.length >= HELD) pendingHost.link?.pause()
    if (!keepReceived(session)) turnAway(session, 'handshakes')
  },
  drained: () => {},
  ended: (session) => {
    const { pendingHost } = session
    if (pendingHost === null) return
    if (!mayPass(session)) {
      pendingHost.ended = true
      return
    }
    const fronted = handOver(session)
    if (fronted !== null) fromHost.ended(fronted)
  },
  lost: (session, error) => {
    const { pendingHost } = session
    if (pendingHost === null) return
    if (!mayPass(session)) {
      pendingHost.lost = error
      return
    }
    const fronted = handOver(session)
    if (fronted !== null) fromHost.lost(fronted, error)
  },
  faulted,
}

/** Dials the masking host for a slow client, so that the host's own time-outs begin when the client connected. */
export const dialEarly = (session: Session): void => {
  if (session.handshake === null) return
  const { relay, claim, searching, unwrap } = session
  const mask = maskOf(session)
  if (claim !== null || searching || unwrap !== null || mask === null) return
  // Spares the host during a flood.
  if (relay.handshakes.size > relay.settings.maxHandshakes / 2) return
  if (relay.earlyHosts.begin(session.prefix)) dialHost(session, mask, beforeRejection)
}
