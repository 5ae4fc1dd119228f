import type { RefusalCount, RejectReason } from './contract.ts'

/** A recorded hello played back, a wrong clock, a Redis that did not answer, an app that opened ahead of need. */
const expected: ReadonlySet<RejectReason> = new Set(['replayed', 'clock-skew', 'unclaimed', 'timeout'])

/**
 * Whether a user's signed ClientHello was refused although nothing that is expected explains it. There should be none:
 * only a user's app can sign. Of a user who sent no ClientHello neither a fingerprint nor a skew is known.
 */
export const isSignedRefusal = (refusal: Omit<RefusalCount, 'fronted' | 'count'>): boolean =>
  refusal.user !== undefined &&
  (refusal.ja4 !== undefined || refusal.skewSeconds !== undefined) &&
  !expected.has(refusal.reason)
