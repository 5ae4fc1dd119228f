import { processKeys } from '../../fold/projections/processes.ts'
import { bucketOf, tickMs } from '../../fold/retention.ts'
import type { Reading } from '../../fold/state.ts'
import type { Baseline } from './baseline.ts'

/** The time at which the rules look, epoch ms. */
export type Look = {
  readonly now: number
  /** Since when this collector has been up to date and its clock has run evenly; Infinity while it is not. */
  readonly watchingSince: number
  /** When the clock last stepped or this process stood still; -Infinity if never. */
  readonly evenSince: number
}

/** The verdict of a rule on one subject: `bad` raises the alert, `good` clears it, `between` leaves it as it is. */
export type Verdict = 'bad' | 'good' | 'between'

export type Finding = {
  readonly rule: string
  readonly subject: string
  readonly value: number
  readonly baseline: number
  readonly verdict: Verdict
  /** Epoch ms since when the trouble lasts, where the events show it. */
  readonly since?: number
  /** Two sentences for an operator: what, where, since when, how much, impact; then what to do. */
  readonly summary: () => string
  /** One sentence: the trouble is over. */
  readonly calm: () => string
}

/** An active alert. */
export type Raised = { readonly at: number; readonly since: number; readonly baseline: number }

/** Everything that the rules read. It does not change while they run. */
export type Watch = Look & {
  readonly state: Reading
  readonly lagMs: number
  /** Every window is multiplied by this; below 1 in a demonstration. */
  readonly factor: number
  readonly baseline: Baseline
  raised(rule: string, subject: string): Raised | undefined
}

export const alertId = (rule: string, subject: string): string => `${rule}\n${subject}`

/** The sum of a key over the last `ms`: the current tick and at least the one before it. */
export const sumOver = ({ state, now }: Watch, key: string, ms: number): number => {
  const last = bucketOf('tick', now)
  return state.sum('tick', Math.min(bucketOf('tick', now - ms) + 1, last - 1), last, key)
}

/** The sum of a key over a window of a rule, which the factor scales. */
export const recentSum = (watch: Watch, key: string, windowMs: number): number =>
  sumOver(watch, key, windowMs * watch.factor)

/** How much of the last `ms` has events, ms: less than `ms` where a collector or a node has just started. */
export const seenOf = ({ state, now }: Watch, ms: number, key: string = processKeys.events): number => {
  const last = bucketOf('tick', now)
  for (let tick = bucketOf('tick', now - ms) + 1; tick <= last; tick++) {
    const seen = now - tick * tickMs
    // Ticks begin anywhere in a window, and a sample may fall into the next one.
    if (state.count('tick', tick, key) > 0) return seen >= ms - 2 * tickMs ? ms : seen
  }
  return 0
}

/** The window of a rule for a sentence, or the shorter time for which there are events. */
export const spellWindow = (watch: Watch, windowMs: number): string =>
  spell(seenOf(watch, windowMs * watch.factor))

/** Every label that ever followed `prefix` in a key. */
export const labelsOf = ({ state }: Watch, prefix: string): string[] => {
  const labels: string[] = []
  for (const key of state.bucket('ever', 0).keys())
    if (key.startsWith(prefix)) labels.push(key.slice(prefix.length))
  return labels
}

/** Raise at one limit, clear at a lower one. */
export const verdictOf = (value: number, raiseAt: number, clearBelow: number): Verdict =>
  value >= raiseAt ? 'bad' : value < clearBelow ? 'good' : 'between'

export const percent = (share: number): string => `${Math.round(share * 100)} %`

/** A duration for a sentence: `90 s`, `10 min`, `3 h`. */
export const spell = (ms: number): string => {
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}

/** `09:15 UTC`. */
export const clock = (at: number): string => `${new Date(at).toISOString().slice(11, 16)} UTC`
