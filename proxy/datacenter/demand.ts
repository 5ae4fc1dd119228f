/** The rate of arrivals halves in this time. */
const RATE_HALF_LIFE_MS = 10_000
/** Their peak halves in this time: the age of a pooled connection. */
const PEAK_HALF_LIFE_MS = 30_000
/** Below this many arrivals a second (one in two minutes), nothing is wanted. */
const FORGOTTEN = 1 / 120

/** The demand for connections to one datacenter. Times are `performance.now()`, ms. */
export type Demand = {
  /** A client needs a connection. A pooled one is replaced in `replacementMs`. */
  arrived(now: number, replacementMs: number): void
  /** How many pooled connections it asks for: the peak and a quarter, and at least one more. */
  wanted(now: number): number
}

/** Follows the arrivals, and the most of them within the time of one replacement. */
export const openDemand = (now: number): Demand => {
  let at = now
  let rate = 0
  let peak = 0
  let countedSince = Number.NEGATIVE_INFINITY
  let counted = 0
  const decay = (now: number): void => {
    rate *= 0.5 ** ((now - at) / RATE_HALF_LIFE_MS)
    peak *= 0.5 ** ((now - at) / PEAK_HALF_LIFE_MS)
    at = now
  }
  return {
    arrived: (now, replacementMs) => {
      decay(now)
      // One arrival as a rate: its decay over time adds up to one.
      rate += (Math.LN2 * 1000) / RATE_HALF_LIFE_MS
      if (now - countedSince >= replacementMs) {
        countedSince = now
        counted = 0
      }
      peak = Math.max(peak, ++counted)
    },
    wanted: (now) => {
      decay(now)
      return rate < FORGOTTEN ? 0 : Math.max(2, Math.ceil(peak * 1.25 + 0.5))
    },
  }
}
