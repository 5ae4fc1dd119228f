import { closeSession, guarded } from './closing.ts'
import type { User } from './handshake.ts'
import type { Relay, Session } from './session.ts'

/** Between two sweeps, ms: a connection ends up to this much early rather than late. */
const SWEEP_MS = 1_000

/** Whether the time of a connection whose user is gone is over. */
export const isOver = ({ relay, endsAt }: Session): boolean => relay.now >= endsAt - SWEEP_MS

const end = (session: Session): void => closeSession(session, 'proxy', 'removed')

/**
 * Gives the connections of users that were removed, disabled or got another secret their last USER_DRAIN_SECONDS. Those of
 * a user that is back go on.
 */
export const endGone = (relay: Relay, users: readonly User[]): void => {
  const byName = new Map(users.map((user) => [user.name, user]))
  const endsAt = relay.now + relay.settings.userDrainMs
  for (const session of relay.sessions) {
    // A fronted client is one of the masking host.
    if (session.user === null || session.phase === 'fronting') continue
    const user = byName.get(session.user.name)
    if (user?.secret.equals(session.user.secret)) session.endsAt = Number.POSITIVE_INFINITY
    else if (session.endsAt === Number.POSITIVE_INFINITY) session.endsAt = endsAt
    if (session.endsAt <= relay.now) guarded(session, end)
  }
}
