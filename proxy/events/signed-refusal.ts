import type { RefusalCount, RejectReason } from './contract.ts'

/** Refusals of a user by its own limits. */
export const limitRejections = {
  disabled: true,
  expired: true,
  quota: true,
  'user-connections': true,
  'user-addresses': true,
  'not-allowed-network': true,
} as const satisfies Partial<Record<RejectReason, true>>
export type LimitReason = keyof typeof limitRejections
export const limitReasons = Object.keys(limitRejections) as LimitReason[]

/** A replay, a blocked network, a wrong clock, a Redis that did not answer, an app that opened a connection before it needed it; a limit. */
const expected: ReadonlySet<RejectReason> = new Set([
  'replayed',
  'blocked',
  'clock-skew',
  'unclaimed',
  'timeout',
  ...limitReasons,
])

/**
 * Whether a ClientHello that a user signed was rejected for an unexpected reason. That should not happen: only the app of a
 * user can sign. A handshake without a ClientHello has neither fingerprint nor skew.
 */
export const isSignedRefusal = (refusal: Omit<RefusalCount, 'fronted' | 'count'>): boolean =>
  refusal.user !== undefined &&
  (refusal.ja4 !== undefined || refusal.skewSeconds !== undefined) &&
  !expected.has(refusal.reason)
