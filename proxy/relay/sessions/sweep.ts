import { reject } from './authenticating.ts'
import { earn } from './fronting.ts'
import { closeSession, emitProgress, emitRejected, type Session, unansweredMs } from './session.ts'

/** Between two facts about a connection's bytes. */
const PROGRESS_MS = 10_000
/** What is left open in one direction only, and silent. */
const HALF_OPEN_MS = 60_000
/** A stranger and the masking host, both silent: longer than web servers and CDNs (60 to 400 s) wait themselves. */
const UNAUTHENTICATED_MS = 600_000

/** The handshake did not come in time. */
export const expire = (session: Session): void => {
  if (session.unwrap === null) return reject(session, { step: 'rejected', reason: 'timeout' })
  emitRejected(session, 'timeout', false, session.signed ?? {})
  closeSession(session, 'proxy', 'timeout')
}

/**
 * A client that takes no byte of what is there for it, for CLIENT_ACK_TIMEOUT. Told from what the kernel takes of us,
 * which is little of what a slow client acknowledges: it takes more when a third of megabytes is free. So only where
 * the kernel does not watch the acknowledgements itself.
 */
const blocked = (session: Session, now: number): boolean => {
  const { unsent } = session.client
  if (session.relay.endsDeafPeers || unsent === 0 || session.blockedAt === 0) return false
  if (unsent !== session.blockedBytes) {
    session.blockedBytes = unsent
    session.blockedAt = now
  }
  return now - session.blockedAt >= session.relay.settings.ackTimeoutMs
}

/** Looks after one session, about once a second: tells its bytes and ends what has gone silent. */
export const sweep = (session: Session): void => {
  const { relay, phase } = session
  const { now, settings } = relay
  const silentMs = now - session.activeAt
  if (phase === 'fronting') {
    earn(session)
    // Behind a host that has ended all is said: nobody sees that the descriptor goes, as in the host's own kernel.
    const patienceMs =
      session.datacenterEnded && session.client.unsent === 0 ? HALF_OPEN_MS : UNAUTHENTICATED_MS
    if (session.early === null && silentMs >= patienceMs) closeSession(session, 'proxy', session.endReason)
    return
  }
  if (session.greets && relay.greetings.dawdles(session, now)) return expire(session)
  if (phase !== 'waiting' && phase !== 'relaying') return
  session.datacenter!.readSize = relay.toClientSize()
  if (now - session.reportedAt >= PROGRESS_MS) emitProgress(session)
  if (blocked(session, now)) return closeSession(session, 'client', 'timeout')
  if (session.blockedAt > 0) return
  if (session.clientEnded || session.datacenterEnded) {
    if (silentMs >= HALF_OPEN_MS) closeSession(session, session.endedBy ?? 'proxy', session.endReason)
    return
  }
  if (unansweredMs(session) >= settings.stallTimeoutMs) {
    return closeSession(session, 'datacenter', 'stalled')
  }
  if (silentMs >= settings.idleTimeoutMs) closeSession(session, 'proxy', 'idle')
}
