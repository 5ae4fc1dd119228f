import type { RejectReason } from '../../events/contract.ts'
import { guarded, type Session } from './session.ts'

/** A handshake that all proxies are asked about: `refused` when one of them has seen it. */
export type Claim = {
  readonly digest: Buffer
  readonly refused: (reason: Extract<RejectReason, 'replayed' | 'unclaimed'>) => void
}

/** Lets go of a dial that was begun before the claim was answered. */
export const dropClaim = (session: Session): void => {
  if (session.claim === null) return
  session.claim = null
  session.dialing?.cancel()
  session.dialing = null
  session.datacenter?.close()
  session.datacenter = null
}

/** Asks; `granted` or `claim.refused` is called when there is an answer and the session still waits for it. */
export const claiming = (session: Session, { digest, refused }: Claim, granted: () => void): void => {
  const { relay } = session
  const asked = { arrived: null }
  session.claim = asked
  relay.ask!(digest.toString('hex', 0, 16), session.id, (answer) =>
    guarded(session, () => {
      if (session.closed || session.claim !== asked) return
      if (answer === 'unanswered') relay.unclaimed++
      if (answer === 'new' || (answer === 'unanswered' && relay.settings.sharedReplay !== 'refuse'))
        return granted()
      dropClaim(session)
      refused(answer === 'seen' ? 'replayed' : 'unclaimed')
    }),
  )
}
