import { metrics as c } from '../../collector/read/metrics.ts'
import { inTime } from '../../proxy/events/outcome.ts'

/**
 * A number from the fold. Every collector of a fleet exports it, under its own `instance` and with the label `fleet`: each
 * fleet counts once, by the collector that is ahead, and the fleets are added up.
 */
export const once = (expression: string, ...labels: readonly string[]): string => {
  const by = labels.length === 0 ? '' : ` by (${labels.join(', ')})`
  return `sum${by} (max by (${['fleet', ...labels].join(', ')}) (${expression}))`
}

/** The service level objective: the share of connections answered within two seconds, over thirty days. */
export const objective = { share: 0.995, days: 30 } as const

type Change = 'rate' | 'increase'

const stage = (name: string, window: string, where: string, change: Change): string =>
  once(`${change}(${c.sessions.name}{stage="${name}"${where}}[${window}])`)

const awaitedBy = (change: Change, window: string, where: string): string =>
  `(${stage('requested', window, where, change)} + clamp_min(${stage('authenticated', window, where, change)} - ${stage('connected', window, where, change)}, 0))`

/** Connections a second with a waiting client: those that sent a request, and those that found no datacenter. */
export const awaited = (window: string, where = ''): string => awaitedBy('rate', window, where)

const answeredBy = (change: Change, window: string, where: string): string =>
  once(`${change}(${c.sessionsAnswered.name}{within="${inTime}"${where}}[${window}])`)

/** Those of them, a second, that got the first byte of an answer within 2 s. */
export const answeredInTime = (window: string, where = ''): string => answeredBy('rate', window, where)

/** Connections of the window whose client waited and got no answer within 2 s. */
export const failedIn = (window: string): string =>
  `(${awaitedBy('increase', window, '')} - ${answeredBy('increase', window, '')})`

/**
 * The service level indicator, 0–1; no number while no client waits. A connection that a client opened ahead of need sends
 * no request and is not counted. `where` is further matchers, each after a comma.
 */
export const goodShare = (window: string, where = ''): string =>
  `clamp_max(${answeredInTime(window, where)} / (${awaited(window, where)} > 0), 1)`

/** The burn rate of the error budget: 1 uses it up in just its days. */
export const burn = (window: string, where = ''): string =>
  `((1 - ${goodShare(window, where)}) / ${(1 - objective.share).toFixed(4)})`
