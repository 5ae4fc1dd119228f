import type { Limit } from '../../events/contract.ts'
import type { Relay, Session } from './session.ts'
import { leaveUser } from './user-place.ts'

/** The handshake is complete or rejected. */
export const endHandshake = (session: Session): void => {
  const { handshakes, capacity } = session.relay
  if (handshakes.leave(session)) capacity.handshakeOver()
}

/** Takes a place for a rejected client; false: none is left. */
export const admitUnauthenticated = (session: Session): boolean => {
  const { capacity, unauthenticated } = session.relay
  if (!capacity.admitUnauthenticated()) return false
  unauthenticated.add(session)
  return true
}

/** Sets the number of bytes kept for a connection; false: all clients together would have too many. */
export const keep = (session: Session, bytes: number): boolean => {
  if (!session.relay.capacity.keep(bytes - session.kept)) return false
  session.kept = bytes
  return true
}

/** Counts everything that is kept for a client that is not relayed; false: there is no memory left for it. */
export const keepReceived = (session: Session): boolean => {
  const { received, pendingHost, client } = session
  return keep(session, (received?.length ?? 0) + (pendingHost?.held?.length ?? 0) + client.unread)
}

/** Gives back every place of a closed connection. */
export const leave = (session: Session): void => {
  const { relay, prefix, fronted } = session
  endHandshake(session)
  keep(session, 0)
  leaveUser(session)
  if (fronted !== null && fronted.credit > 0) relay.budget.giveBack(prefix, fronted.credit)
  if (relay.unauthenticated.delete(session)) relay.capacity.unauthenticatedLeft()
  if (relay.sessions.delete(session)) relay.capacity.leave()
  if (session.relayed !== null) relay.relaying--
}

/** Counts a client that was refused because of a limit. */
export const countRefusal = ({ refusals }: Relay, limit: Limit): void => {
  refusals.set(limit, (refusals.get(limit) ?? 0) + 1)
}
