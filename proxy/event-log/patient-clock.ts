/** An earlier time (epoch ms) is that of a clock that was never set: there was no mtscope yet. */
export const earliest = Date.UTC(2024, 0, 1)

/** A clock must run evenly for this long before rows are deleted by it. */
const patienceMs = 3_600_000
/** A larger step means that the clock was set, or that the machine was asleep. */
const stepMs = 10_000

/**
 * A wall clock (epoch ms) to delete by. It follows a jump ahead only after an hour, because a host may correct it within
 * seconds, and a jump back immediately, because then less is old. `known` is the latest recorded time, -Infinity for none;
 * `steady` is a monotonic clock.
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
