import type { RejectReason } from '../../events/contract.ts'
import { guarded } from './closing.ts'
import type { Claiming, Session } from './session.ts'

/**
 * A question to all proxies: has one of them seen the handshake with this digest? Calls `refused` with `replayed` when one
 * has, with `unclaimed` when none answered and REPLAY_ON_REDIS_LOSS is `refuse`.
 */
export type Claim = {
  readonly digest: Buffer
  readonly refused: (reason: Extract<RejectReason, 'replayed' | 'unclaimed'>) => void
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
export const claiming = (session: Session, { digest, refused }: Claim, granted: () => void): void => {
  const { relay } = session
  if (relay.ask === null) return granted()
  const claim: Claiming = { arrived: null }
  session.claim = claim
  relay.ask(digest.toString('hex', 0, 16), session.id, (answer) =>
    guarded(session, () => {
      if (session.closed || session.claim !== claim) return
      if (answer === 'unanswered') relay.unclaimed++
      if (answer === 'new' || (answer === 'unanswered' && relay.settings.sharedReplay !== 'refuse'))
        return granted()
      dropClaim(session)
      refused(answer === 'seen' ? 'replayed' : 'unclaimed')
    }),
  )
}
