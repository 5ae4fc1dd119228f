import { metrics as c } from '../../collector/read/metrics.ts'
import { inTime } from '../../proxy/events/outcome.ts'

/**
 * What only the collector's fold knows is told alike by every collector of a fleet, each under its own `instance`, with
 * the label `fleet`: every fleet is taken once (the collector that is ahead), then the fleets are added up.
 */
export const once = (expression: string, ...labels: readonly string[]): string => {
  const by = labels.length === 0 ? '' : ` by (${labels.join(', ')})`
  return `sum${by} (max by (${['fleet', ...labels].join(', ')}) (${expression}))`
}

/** What is promised: the share of sessions that are answered within two seconds, over thirty days. */
export const objective = { share: 0.995, days: 30 } as const

type Change = 'rate' | 'increase'

const stage = (name: string, window: string, where: string, change: Change): string =>
  once(`${change}(${c.sessions.name}{stage="${name}"${where}}[${window}])`)

const awaitedBy = (change: Change, window: string, where: string): string =>
  `(${stage('requested', window, where, change)} + clamp_min(${stage('authenticated', window, where, change)} - ${stage('connected', window, where, change)}, 0))`

/** Sessions a second that somebody waits for: those that asked for something, and those that found no datacenter. */
export const awaited = (window: string, where = ''): string => awaitedBy('rate', window, where)

const answeredBy = (change: Change, window: string, where: string): string =>
  once(`${change}(${c.sessionsAnswered.name}{within="${inTime}"${where}}[${window}])`)

/** Those of them, a second, whose first byte came down within 2 s. */
export const answeredInTime = (window: string, where = ''): string => answeredBy('rate', window, where)

/** How many sessions of the window somebody waited for and was not answered within 2 s. */
export const failedIn = (window: string): string =>
  `(${awaitedBy('increase', window, '')} - ${answeredBy('increase', window, '')})`

/**
 * The service level indicator, 0–1; no number while nobody asks. An idle socket that a client opened ahead asks for
 * nothing and is not counted. `where` is further matchers, each after a comma.
 */
export const goodShare = (window: string, where = ''): string =>
  `clamp_max(${answeredInTime(window, where)} / (${awaited(window, where)} > 0), 1)`

/** How many times faster than allowed the error budget is being used up. */
export const burn = (window: string, where = ''): string =>
  `((1 - ${goodShare(window, where)}) / ${(1 - objective.share).toFixed(4)})`
