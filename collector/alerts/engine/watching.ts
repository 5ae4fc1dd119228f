import type { Look } from '../rules/finding.ts'

/**
 * The time as the rules see it. After a step of the wall clock, or after this process or its machine stood still, watching
 * begins again: a node that seems silent then was only not observed. A step is more than `stepMs`.
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
