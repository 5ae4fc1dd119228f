import { processKeys } from '../../fold/projections/processes.ts'
import { bucketOf, minuteMs } from '../../fold/retention.ts'
import type { Reading } from '../../fold/state.ts'

/** The usual value here: null until there are enough minutes of it. */
export type Usual = { readonly value: number | null; readonly minutes: number }

/**
 * The quotient of two keys over the minutes before `until` (epoch ms); with `under` null, `over` per minute in which a node
 * was alive. Exponentially weighted, halved every six hours, numerator and denominator apart: busy minutes weigh more.
 */
export type Baseline = (over: string, under: string | null, until: number) => Usual

const halfLifeMs = 6 * 60 * minuteMs
const hoursKept = 48
const enoughMinutes = 30

/** The baseline of a state. Results are cached for a minute: the past does not change. */
export const createBaseline = (state: Reading, factor = 1): Baseline => {
  const decay = 0.5 ** (minuteMs / (halfLifeMs * factor))
  const enough = Math.max(3, Math.round(enoughMinutes * factor))
  const known = new Map<string, Usual>()
  let minute = Number.NaN

  const average = (over: string, under: string | null, last: number): Usual => {
    let [n, of, minutes, weight] = [0, 0, 0, 1]
    for (let bucket = last; bucket > last - hoursKept * 60; bucket--, weight *= decay) {
      const counts = state.bucket('minute', bucket)
      const amount = under === null ? (counts.has(processKeys.sampled) ? 1 : undefined) : counts.get(under)
      if (amount === undefined) continue
      minutes++
      of += weight * amount
      n += weight * (counts.get(over) ?? 0)
    }
    return { value: minutes >= enough ? n / of : null, minutes }
  }

  return (over, under, until) => {
    const last = bucketOf('minute', until) - 1
    // Earlier than any rule looks back: the clock was set back.
    if (last > minute || last < minute - 60 || Number.isNaN(minute)) {
      known.clear()
      minute = last
    }
    const id = `${over}\n${under}\n${last}`
    const usual = known.get(id) ?? average(over, under, last)
    known.set(id, usual)
    return usual
  }
}
