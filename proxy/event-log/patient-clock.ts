/** Before this (epoch ms) there was no mtscope: it is the time of a clock that nobody has set. */
export const earliest = Date.UTC(2024, 0, 1)

/** So long a clock must run evenly before anything is deleted by it. */
const patienceMs = 3_600_000
/** Beyond this the clock was set, or the machine was asleep. */
const stepMs = 10_000

/**
 * A wall clock (epoch ms) to delete by. One that jumps ahead, by a mistake of the host that may last for seconds, takes
 * nothing away: it is believed when it has run on evenly for an hour. One that goes back is believed immediately, for then
 * less is old. `known` is the latest time that this host has recorded before, -Infinity for none; `steady` is never set.
 */
export const patientClock = (
  now: () => number,
  steady: () => number,
  known = Number.NEGATIVE_INFINITY,
): (() => number) => {
  let candidate = now() - steady()
  let since = steady()
  let believed = Number.isFinite(known) ? Math.min(candidate, known - steady()) : candidate
  return () => {
    const at = steady()
    const offset = now() - at
    if (Math.abs(offset - candidate) > stepMs) since = at
    candidate = offset
    if (offset <= believed + stepMs || at - since >= patienceMs) believed = offset
    return at + believed
  }
}
