import { silentMs } from '../../read/nodes.ts'

/**
 * Every alert rule and its numbers; the Prometheus rules in `dashboards/alerts` take theirs from here. `least` is the
 * minimum volume. A value raises at `raise` and clears below `clear`, so that it does not flap. Windows are ms.
 */
const minute = 60_000

export type Severity = 'warning' | 'critical'

/** The shortest time for which an alert stays active. */
export const holdMs = minute

export const rules = {
  /** Share of the connections that ended; above both `raise` and `times` the usual. */
  'connection-drops': {
    severity: 'critical',
    windowMs: 5 * minute,
    least: 10,
    raise: 0.25,
    clear: 0.15,
    times: 3,
  },
  'stalled-sessions': {
    severity: 'critical',
    windowMs: 10 * minute,
    least: 5,
    raise: 0.1,
    clear: 0.05,
    times: 3,
  },
  /** `least` failed tries in a row over at least `quietMs`; cleared after `worked` tries that succeed, and half of all. */
  'datacenter-down': {
    severity: 'critical',
    quietMs: minute,
    least: 3,
    worked: 2,
    recoveryMs: [2 * minute, 10 * minute, 60 * minute],
  },
  /** `least` failed tries of an upstream in a row over at least `quietMs`. */
  'upstream-down': { severity: 'critical', quietMs: minute, least: 3 },
  /** The median of the window against the usual: `raise` times and `raiseMs` above it. */
  'datacenter-slow': {
    severity: 'warning',
    windowMs: 5 * minute,
    least: 3,
    raise: 2,
    raiseMs: 100,
    clear: 1.5,
    clearMs: 50,
    /** While the usual value is not known. */
    unknownRaiseMs: 1500,
    unknownClearMs: 1000,
  },
  /** As `datacenter-down`, of the middle proxies of a datacenter: probes, and clients that went through or around them. */
  'middle-proxies-away': {
    severity: 'warning',
    quietMs: minute,
    least: 3,
    worked: 2,
    recoveryMs: [2 * minute, 10 * minute, 60 * minute],
  },
  /** Refused handshakes a minute, against the usual. */
  'rejection-storm': { severity: 'warning', windowMs: 5 * minute, least: 100, times: 5 },
  /** Handshakes whose claim the shared replay cache did not answer. */
  'replay-unclaimed': { severity: 'warning', windowMs: 5 * minute, raise: 20, clear: 1 },
  /** Signed hellos refused for an unexpected reason. More than one, because an app retries. */
  'signed-refused': { severity: 'warning', windowMs: 10 * minute, raise: 3, clear: 1 },
  replays: { severity: 'warning', windowMs: 10 * minute, raise: 10, clear: 3 },
  /** Signed hellos outside of the time window, from at least `clients` addresses. */
  'clock-skew': { severity: 'critical', windowMs: 10 * minute, raise: 10, clear: 3, clients: 3 },
  /** Connections refused at accept, and their share of those accepted; some within `goesOnMs`, some before it. */
  'limit-reached': { severity: 'critical', windowMs: 5 * minute, least: 30, share: 0.05, goesOnMs: minute },
  /** Refusals of one user because its quota is used up: one is enough. */
  'quota-reached': { severity: 'warning', windowMs: 10 * minute },
  /** p99 of the event-loop delay of the slowest thread, ms. */
  'event-loop': { severity: 'warning', windowMs: minute, least: 2, raise: 200, clear: 100 },
  /** CPU of the host, percent. */
  'host-cpu': { severity: 'warning', windowMs: 3 * minute, least: 3, raise: 92, clear: 80 },
  /** Open file descriptors, percent of the limit. */
  'file-descriptors': { severity: 'critical', raise: 85, clear: 75 },
  /** How long a node may emit nothing. */
  'node-silent': { severity: 'critical', quietMs: silentMs },
  /** Exceptions in the proxy's own code: one is enough. */
  'internal-error': { severity: 'warning', windowMs: 10 * minute },
  /** Relay threads that died: one is enough. */
  'thread-died': { severity: 'warning', windowMs: 10 * minute },
  /** How long a node cannot use its user store, or users of it. */
  'users-unreadable': { severity: 'warning', raiseMs: minute },
  /** Age of a list of networks while a source of it cannot be loaded; a list that was never loaded is too old immediately. */
  'list-stale': { severity: 'warning', staleMs: 24 * 60 * minute },
  'events-lost': { severity: 'warning', windowMs: 10 * minute },
  /** Events of nodes for which the state has no place. */
  'names-refused': { severity: 'warning', windowMs: 10 * minute },
  /** Messages that the collector could not read. */
  'dead-letters': { severity: 'warning', windowMs: 10 * minute },
  /** Partitions of the event topic that were replaced. */
  'topic-replaced': { severity: 'warning', windowMs: 10 * minute },
  /** For how long a collector itself must have lost the service. */
  'kafka-lost': { severity: 'critical', raiseMs: 30_000 },
  'redis-lost': { severity: 'critical', raiseMs: 30_000 },
  /** Age of an event when it is folded, ms. */
  'collector-lag': { severity: 'warning', raise: 30_000, clear: 5000 },
} as const satisfies Record<
  string,
  { readonly severity: Severity; readonly [name: string]: number | string | readonly number[] }
>

export type RuleName = keyof typeof rules

/** Rules that each collector decides about itself (`self-watch.ts`); the others examine the state. */
export type SelfRule = 'kafka-lost' | 'redis-lost'

export const severityOf = (rule: string): Severity =>
  rule in rules ? rules[rule as RuleName].severity : 'warning'
