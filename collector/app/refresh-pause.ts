/** Pauses between two refreshes of the copy of the state, ms. The longest is shorter than the lease of the alerts. */
const [usualMs, longestMs] = [1_000, 3_000]

/** The pause after a refresh that took `tookMs`: a large fleet, or a busy Redis, is read less often. */
export const pauseAfter = (tookMs: number): number => Math.min(longestMs, Math.max(usualMs, 4 * tookMs))
