import type { RefusalCount, RejectReason } from './contract.ts'

/** A replay, a wrong clock, a Redis that did not answer, an app that opened a connection before it needed it. */
const expected: ReadonlySet<RejectReason> = new Set(['replayed', 'clock-skew', 'unclaimed', 'timeout'])

/**
 * Whether a ClientHello that a user signed was rejected for an unexpected reason. That should not happen: only the app of a
 * user can sign. A handshake without a ClientHello has neither fingerprint nor skew.
 */
export const isSignedRefusal = (refusal: Omit<RefusalCount, 'fronted' | 'count'>): boolean =>
  refusal.user !== undefined &&
  (refusal.ja4 !== undefined || refusal.skewSeconds !== undefined) &&
  !expected.has(refusal.reason)
