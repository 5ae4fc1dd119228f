import type { CloseReason, Limit, RejectReason, Side } from '../../events/contract.ts'
import type { Link, LinkError } from '../../net/link.ts'
import { measureAtClose, measured } from './client-path.ts'
import { dropHost } from './pending-host.ts'
import { countRefusal, leave } from './places.ts'
import { ms, type Relayed, type Session } from './session.ts'

export const reasonOf = (error: LinkError): CloseReason => (error === 'timeout' ? 'timeout' : 'reset')

/** A client that leaves after waiting this long for an answer leaves because the datacenter stalled; ms. */
const PATIENCE_MS = 5_000
/** A client that sends again after this long expects an answer; ms. */
const ASKED_AGAIN_MS = 1_000

/**
 * How long the client has waited for an answer, ms; 0: it does not wait. Nothing answers an acknowledgement, so only a
 * first request or one that was sent again counts. The wait begins with the client's last byte: a slow upload does not wait.
 */
export const unansweredMs = ({ session, unansweredAt }: Relayed): number =>
  unansweredAt > 0 && (session.phase === 'waiting' || session.activeAt - unansweredAt >= ASKED_AGAIN_MS)
    ? session.relay.now - session.activeAt
    : 0

/** The close reason of a client that leaves now. */
export const clientLeft = (relayed: Relayed): CloseReason =>
  unansweredMs(relayed) > PATIENCE_MS ? 'stalled' : 'done'

/** Records the first end, which decides the close reason. */
export const recordEnd = (session: Session, by: Side, reason: CloseReason): void => {
  if (session.endedBy !== null) return
  session.endedBy = by
  session.endReason = reason
}

/** Closes when both sides have ended and have everything that the other one sent. */
export const closeIfDelivered = (session: Session, far: Link): void => {
  const { clientEnded, farEnded, client } = session
  if (clientEnded && farEnded && client.unsent === 0 && far.unsent === 0) closeAsEnded(session)
}

/** Closes for the reason of the first end. */
export const closeAsEnded = (session: Session): void =>
  closeSession(session, session.endedBy ?? 'proxy', session.endReason)

export const emitRejected = (
  session: Session,
  reason: RejectReason,
  fronted: boolean,
  details: { user?: string; skewSeconds?: number; ja4?: string },
): void => {
  session.relay.emit({
    v: 1,
    type: 'handshake.rejected',
    at: session.relay.epoch(),
    connection: session.id,
    reason,
    elapsedMs: ms(session.relay.clock() - session.acceptedAt),
    fronted,
    client: session.clientHash,
    ...details,
  })
}

/** Emits the bytes since the last progress event, if there are any. */
export const emitProgress = (relayed: Relayed): void => {
  const { session } = relayed
  relayed.reportedAt = session.relay.now
  if (session.labels === null) return
  const bytesToClient = session.bytesToClient - relayed.reportedToClient
  const bytesToDatacenter = session.bytesToDatacenter - relayed.reportedToDatacenter
  if (bytesToClient === 0 && bytesToDatacenter === 0) return
  relayed.reportedToClient = session.bytesToClient
  relayed.reportedToDatacenter = session.bytesToDatacenter
  session.relay.emit({
    v: 1,
    type: 'connection.progress',
    at: session.relay.epoch(),
    connection: session.id,
    ...session.labels,
    bytesToClient,
    bytesToDatacenter,
    ...measured(relayed, relayed.session.client.path()),
  })
}

/** Closes both descriptors first: a failure behind them leaks neither. */
const release = (session: Session): void => {
  session.client.close()
  session.far?.close()
  dropHost(session)
  session.dialing?.cancel()
  const { relayed } = session
  if (relayed === null) return
  relayed.fromClient.free()
  relayed.toDatacenter.free()
  relayed.down?.fromDatacenter.free()
  relayed.down?.toClient.free()
}

/** Releases everything that belongs to a connection and emits its close: the one place where a connection ends. */
export const closeSession = (session: Session, by: Side, reason: CloseReason): void => {
  if (session.closed) return
  session.closed = true
  const clientPath = measureAtClose(session)
  try {
    release(session)
  } catch (error) {
    session.relay.fault(error)
    by = 'proxy'
    reason = 'internal'
  }
  leave(session)
  const { relayed } = session
  session.relay.emit({
    v: 1,
    type: 'connection.closed',
    at: session.relay.epoch(),
    connection: session.id,
    ...session.labels,
    by,
    phase: session.phase,
    reason,
    bytesToClient: session.bytesToClient,
    bytesToDatacenter: session.bytesToDatacenter,
    untoldToClient: session.bytesToClient - (relayed?.reportedToClient ?? 0),
    untoldToDatacenter: session.bytesToDatacenter - (relayed?.reportedToDatacenter ?? 0),
    durationMs: ms(session.relay.clock() - session.acceptedAt),
    ...(session.listener.name !== null && { listener: session.listener.name }),
    ...clientPath,
  })
}

/** Closes a client because of a limit, and counts it. */
export const turnAway = (session: Session, limit: Limit): void => {
  countRefusal(session.relay, limit)
  closeSession(session, 'proxy', 'limit')
}

/** Our own code failed on this connection: the close names the proxy, never the client or the datacenter. */
export const faulted = (session: Session): void => closeSession(session, 'proxy', 'internal')

/** `faulted` for links whose owner is a phase object. */
export const faultedPhase = ({ session }: { readonly session: Session }): void => faulted(session)

/** Runs work that no link's callback contains (timers, answers): an exception ends this connection and no other one. */
export const guarded = (session: Session, work: (session: Session) => void): void => {
  try {
    work(session)
  } catch (error) {
    session.relay.fault(error)
    faulted(session)
  }
}
