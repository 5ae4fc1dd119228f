import { reject } from './authenticating.ts'
import { limitSlow } from './client-path.ts'
import { closeAsEnded, closeSession, emitProgress, emitRejected, unansweredMs } from './closing.ts'
import { earn } from './fronting.ts'
import { isOver } from './gone-users.ts'
import { attachTables, setReadSizes } from './pump.ts'
import type { Relayed, Session } from './session.ts'
import { isRated } from './throttle.ts'
import { keepLimits } from './user-place.ts'

/** Between two events about a connection's bytes. */
const PROGRESS_MS = 10_000
/** The same for a user whose quota a fleet counts: it is stopped within 10 s, and the events are on their way for some of them. */
const QUOTA_PROGRESS_MS = 2_000
/** For a silent connection that is open in one direction only. */
const HALF_OPEN_MS = 60_000
/** For a silent fronted connection: longer than web servers and CDNs (60 to 400 s) wait themselves. */
const UNAUTHENTICATED_MS = 600_000
/** For a client that a limit of its user refuses: longer than any app waits for an answer (TDLib 10 s, iOS 12 s). */
const REFUSED_MS = 60_000

/** Rejects a handshake that did not come in time. */
export const expire = (session: Session): void => {
  if (session.unwrap === null) return reject(session, { step: 'rejected', reason: 'timeout' })
  emitRejected(session, 'timeout', false, session.signed ?? {})
  closeSession(session, 'proxy', 'timeout')
}

/**
 * Whether the client has taken no byte for CLIENT_ACK_TIMEOUT. Judged by the bytes that the kernel takes from us, which is
 * coarse: it takes more when a third of megabytes is free. So only where the kernel does not watch acknowledgements.
 */
const isBlocked = (relayed: Relayed, now: number): boolean => {
  const { relay, client } = relayed.session
  const { unsent } = client
  if (relay.endsDeafPeers || unsent === 0 || relayed.blockedAt === 0) return false
  if (unsent !== relayed.blockedBytes) {
    relayed.blockedBytes = unsent
    relayed.blockedAt = now
  }
  return now - relayed.blockedAt >= relay.settings.ackTimeoutMs
}

const sweepRefused = (session: Session): void => {
  if (session.relay.now - session.acceptedAt >= REFUSED_MS) closeSession(session, 'proxy', session.endReason)
}

const sweepFronted = (session: Session, silentMs: number): void => {
  const { fronted, client, farEnded, pendingHost } = session
  if (fronted !== null) earn(fronted)
  // After the host's end the client has everything: as at the host's own kernel, no peer notices the close.
  const patienceMs = farEnded && client.unsent === 0 ? HALF_OPEN_MS : UNAUTHENTICATED_MS
  if (pendingHost === null && silentMs >= patienceMs) closeSession(session, 'proxy', session.endReason)
}

/** The user may have got another rate, or lost it, since the last look. */
const followRate = (relayed: Relayed): void => {
  if (isRated(relayed) === (relayed.throttle !== null)) return setReadSizes(relayed)
  // A direction that waits goes on at the next pulse: `throttle` is new, and the link may be paused.
  const { throttle, session, datacenter } = relayed
  attachTables(relayed)
  if (throttle?.down && session.client.unsent === 0) datacenter.resume()
  if (throttle?.up && datacenter.unsent === 0 && !datacenter.closed) session.client.resume()
}

const progressMs = ({ relay, user }: Session): number =>
  relay.settings.shipped && user?.limited?.hasQuota ? QUOTA_PROGRESS_MS : PROGRESS_MS

const sweepRelayed = (relayed: Relayed, silentMs: number): void => {
  const { session } = relayed
  const { relay, clientEnded, farEnded } = session
  const { now, settings } = relay
  followRate(relayed)
  if (now - relayed.reportedAt >= progressMs(session)) emitProgress(relayed)
  if (isBlocked(relayed, now)) return closeSession(session, 'client', 'timeout')
  if (relayed.blockedAt > 0) return limitSlow(relayed)
  if (clientEnded || farEnded) {
    if (silentMs >= HALF_OPEN_MS) closeAsEnded(session)
    return
  }
  if (unansweredMs(relayed) >= settings.stallTimeoutMs) return closeSession(session, 'datacenter', 'stalled')
  if (silentMs >= settings.idleTimeoutMs) closeSession(session, 'proxy', 'idle')
}

/** Runs for each connection about once a second: emits its progress, and closes it when it has been silent too long. */
export const sweep = (session: Session): void => {
  const { relay, phase, relayed } = session
  const { now } = relay
  if (isOver(session)) return closeSession(session, 'proxy', 'removed')
  const silentMs = now - session.activeAt
  const stop = session.user === null ? null : keepLimits(session, session.user)
  // Connections of a disabled user have their time: `isOver`.
  if (stop === 'expired' || stop === 'quota') return closeSession(session, 'proxy', stop)
  if (session.refused) return sweepRefused(session)
  if (phase === 'fronting') return sweepFronted(session, silentMs)
  if (relay.handshakes.isTooSlow(session, now)) return expire(session)
  if (relayed !== null) sweepRelayed(relayed, silentMs)
}
