/** When rules look, epoch ms each. */
export type Look = {
  readonly now: number
  /** Since when the collector has been up to date, with a clock that ran evenly; Infinity: not at all. */
  readonly watchingSince: number
  /** When that clock last made a step, or this process stood still; -Infinity: never. */
  readonly evenSince: number
}

/**
 * The time as the rules see it. After a step of the wall clock, and after a time in which this process stood still or its
 * machine slept, watching begins again: what seems to have been silent then was only not seen. A step is more than `stepMs`.
 */
export const createWatching = (now: () => number, steady: () => number, stepMs = 10_000) => {
  let since = Number.POSITIVE_INFINITY
  let evenSince = Number.NEGATIVE_INFINITY
  let [wall, at] = [now(), steady()]
  return {
    begin: (): void => {
      since = now()
    },
    end: (): void => {
      since = Number.POSITIVE_INFINITY
    },
    /** Call it every second. */
    look: (): Look => {
      const [before, passed] = [wall, steady() - at]
      wall = now()
      at += passed
      const isEven = passed <= stepMs && Math.abs(wall - before - passed) <= stepMs
      if (!isEven) evenSince = wall
      if (!isEven && since !== Number.POSITIVE_INFINITY) since = wall
      return { now: wall, watchingSince: since, evenSince }
    },
  }
}

export type Watching = ReturnType<typeof createWatching>
