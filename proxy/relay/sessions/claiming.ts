import type { RejectReason } from '../../events/contract.ts'
import type { ClaimAnswer } from '../../replay-cache/redis.ts'
import type { Lease, LeaseAnswer } from '../../user-limits/lease.ts'
import { guarded } from './closing.ts'
import type { Claiming, Session } from './session.ts'

export type ClaimRefusal = Extract<RejectReason, 'replayed' | 'unclaimed'> | Exclude<LeaseAnswer, 'granted'>

/**
 * A question to all proxies: has one of them seen the handshake with this digest, and has its user a place? Calls `refused` with
 * `replayed` when one has seen it, with `unclaimed` when none answered and REPLAY_ON_REDIS_LOSS is `refuse`, or with the limit.
 */
export type Claim = {
  readonly digest: Buffer
  /** A place of the user among all proxies; null: it needs none. */
  readonly lease: Lease | null
  readonly refused: (reason: ClaimRefusal) => void
}

/** Abandons a dial that began before the claim was answered. */
export const dropClaim = (session: Session): void => {
  if (session.claim === null) return
  session.claim = null
  session.dialing?.cancel()
  session.dialing = null
  session.far?.close()
  session.far = null
}

/** Asks, and then calls `granted` or `refused`, unless the session has closed or given the claim up meanwhile. */
export const claiming = (session: Session, { digest, lease, refused }: Claim, granted: () => void): void => {
  const { relay } = session
  if (relay.ask === null) return granted()
  const claim: Claiming = { arrived: null }
  session.claim = claim
  const answered = (answer: ClaimAnswer): void => {
    if (session.closed || session.claim !== claim) return
    if (answer === 'unanswered') relay.unclaimed++
    if (answer === 'new' || (answer === 'unanswered' && relay.settings.sharedReplay !== 'refuse'))
      return granted()
    dropClaim(session)
    refused(answer === 'seen' ? 'replayed' : answer === 'unanswered' ? 'unclaimed' : answer)
  }
  relay.ask(
    digest.toString('hex', 0, 16),
    session.id,
    (answer) => guarded(session, () => answered(answer)),
    lease,
  )
}
