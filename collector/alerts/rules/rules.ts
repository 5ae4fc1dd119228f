import { silentMs } from '../../read/nodes.ts'

/**
 * Every alert rule and its numbers. A share of sessions is told in percent. `least` is the minimum volume; `raise` and
 * `clear` are two limits, so that a value on the edge does not flap. Windows are ms, and a factor shortens all of them.
 */
const minute = 60_000

export type Severity = 'warning' | 'critical'

/** An alert stays up for so long at least. */
export const holdMs = minute

export const rules = {
  /** Share of the sessions that ended; above both `raise` and `times` the usual. */
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
  /** Tries in a row that failed, over at least `quietMs`; cleared when they work again, twice and more often than not. */
  'datacenter-down': {
    severity: 'critical',
    quietMs: minute,
    least: 3,
    worked: 2,
    recoveryMs: [2 * minute, 10 * minute, 60 * minute],
  },
  /** The median of the window against the usual: `raise` times and `raiseMs` above it. */
  'datacenter-slow': {
    severity: 'warning',
    windowMs: 5 * minute,
    least: 3,
    raise: 2,
    raiseMs: 100,
    clear: 1.5,
    clearMs: 50,
    /** While nothing is known of the usual. */
    unknownRaiseMs: 1500,
    unknownClearMs: 1000,
  },
  /** Refused handshakes a minute, against the usual. */
  'rejection-storm': { severity: 'warning', windowMs: 5 * minute, least: 100, times: 5 },
  /** Handshakes that the shared replay cache did not answer for. */
  'replay-unclaimed': { severity: 'warning', windowMs: 5 * minute, raise: 20, clear: 1 },
  /** Hellos that a user signed and that were refused for nothing that is expected: a few, for an app tries again. */
  'signed-refused': { severity: 'warning', windowMs: 10 * minute, raise: 3, clear: 1 },
  replays: { severity: 'warning', windowMs: 10 * minute, raise: 10, clear: 3 },
  /** Signed hellos out of the window of time, from so many clients. */
  'clock-skew': { severity: 'critical', windowMs: 10 * minute, raise: 10, clear: 3, clients: 3 },
  /** Connections refused at the door, and their share of those accepted; in the last `goesOnMs`, too, and before it. */
  'limit-reached': { severity: 'critical', windowMs: 5 * minute, least: 30, share: 0.05, goesOnMs: minute },
  /** p99 of the slowest thread's delay, ms. */
  'event-loop': { severity: 'warning', windowMs: minute, least: 2, raise: 200, clear: 100 },
  /** Of the host, percent. */
  'host-cpu': { severity: 'warning', windowMs: 3 * minute, least: 3, raise: 92, clear: 80 },
  /** Of the limit, percent. */
  'file-descriptors': { severity: 'critical', raise: 85, clear: 75 },
  /** For how long a node may emit nothing. */
  'node-silent': { severity: 'critical', quietMs: silentMs },
  /** Exceptions of the proxy's own code: any. */
  'internal-error': { severity: 'warning', windowMs: 10 * minute },
  'events-lost': { severity: 'warning', windowMs: 10 * minute },
  /** Events of nodes that found no place in the state. */
  'names-refused': { severity: 'warning', windowMs: 10 * minute },
  /** Messages that could not be read. */
  'dead-letters': { severity: 'warning', windowMs: 10 * minute },
  /** Partitions whose log is another one. */
  'topic-replaced': { severity: 'warning', windowMs: 10 * minute },
  /** What a collector finds of itself, for so long. */
  'kafka-lost': { severity: 'critical', raiseMs: 30_000 },
  'redis-lost': { severity: 'critical', raiseMs: 30_000 },
  /** Age of a fact when it is folded, ms. */
  'collector-lag': { severity: 'warning', raise: 30_000, clear: 5000 },
} as const satisfies Record<
  string,
  { readonly severity: Severity; readonly [name: string]: number | string | readonly number[] }
>

export type RuleName = keyof typeof rules

/** Decided by each collector for itself (`self-watch.ts`); all others by looking at the state. */
export type SelfRule = 'kafka-lost' | 'redis-lost'

export const severityOf = (rule: string): Severity =>
  rule in rules ? rules[rule as RuleName].severity : 'warning'
