import { durationBounds } from '../fold/histogram.ts'

/**
 * Every metric that comes from the fold: users, days, connections by stage, alerts, the pipeline. The proxy exports what
 * happens at its node (`proxy/telemetry/catalogue/catalogue.ts`).
 */
export type Metric = {
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  /** UCUM: seconds, bytes, or a plain number. */
  readonly unit: 's' | 'By' | '1'
  readonly labels: readonly string[]
  readonly help: string
  /** Upper bounds of a histogram, ascending, in `unit`. */
  readonly buckets?: readonly number[]
}

const of =
  <const K extends 'counter' | 'gauge'>(kind: K) =>
  <const L extends readonly string[]>(name: string, labels: L, help: string, unit: Metric['unit'] = '1') => ({
    name,
    kind,
    unit,
    labels,
    help,
  })
const counter = of('counter')
const gauge = of('gauge')

export const metrics = {
  alertActive: gauge(
    'mtscope_alert_active',
    ['rule', 'subject'],
    '1 while the alert is active; absent otherwise',
  ),
  alertsRaised: counter('mtscope_alerts_raised_total', ['rule'], 'Alerts raised by a rule'),

  sessions: counter(
    'mtscope_sessions_total',
    ['stage'],
    'Connections that reached a stage: accepted, hello (complete first message), authenticated, connected, requested (first byte from the client), answered (first byte from the datacenter)',
  ),
  sessionsAnswered: counter(
    'mtscope_sessions_answered_total',
    ['within'],
    'Connections by the time to their first answer: 2s, 8s, or later; each is counted once',
  ),
  sessionsDropped: counter(
    'mtscope_sessions_dropped_total',
    ['dc'],
    'Connections closed in dial, waiting or relaying for another reason than done, idle, drain, limit',
  ),
  sessionSeconds: {
    name: 'mtscope_session_duration_seconds',
    kind: 'histogram',
    unit: 's',
    labels: [],
    help: 'Lifetime of connections, from accept to close',
    buckets: durationBounds.map((ms) => ms / 1000),
  },
  dropRatio: gauge(
    'mtscope_session_drop_ratio',
    ['dc'],
    'Share of drops among the connections that ended in the last five minutes; absent if none ended',
  ),

  lifetimeSessions: counter(
    'mtscope_lifetime_sessions_total',
    [],
    'Connections of all time; survives restarts',
  ),
  lifetimeBytes: counter(
    'mtscope_lifetime_bytes_total',
    ['direction'],
    'Bytes of all time; survives restarts',
    'By',
  ),
  daySessions: gauge('mtscope_day_sessions', [], 'Connections of this day (UTC)'),
  dayBytes: gauge('mtscope_day_bytes', ['direction'], 'Bytes of this day (UTC)', 'By'),
  monthSessions: gauge('mtscope_month_sessions', [], 'Connections of this month (UTC)'),
  monthBytes: gauge('mtscope_month_bytes', ['direction'], 'Bytes of this month (UTC)', 'By'),

  userOpen: gauge('mtscope_user_connections_open', ['user'], 'Open connections of a user'),
  userSessions: counter('mtscope_user_sessions_total', ['user'], 'Connections of a user; survives restarts'),
  userBytes: counter(
    'mtscope_user_bytes_total',
    ['user', 'direction'],
    'Bytes of a user; survives restarts',
    'By',
  ),
  userDayBytes: gauge(
    'mtscope_user_day_bytes',
    ['user', 'direction'],
    'Bytes of a user this day (UTC)',
    'By',
  ),
  userMonthBytes: gauge(
    'mtscope_user_month_bytes',
    ['user', 'direction'],
    'Bytes of a user this month (UTC)',
    'By',
  ),
  userRefused: counter(
    'mtscope_user_refused_total',
    ['user', 'reason'],
    'Refused handshakes with the secret of a user; survives restarts',
  ),
  userLabelsCapped: gauge('mtscope_user_labels_capped', [], 'Users that share the label "other"'),

  nodesAlive: gauge(
    'mtscope_nodes_alive',
    [],
    'Nodes that emitted an event in the last minute and did not stop',
  ),
  nodeLastSeen: gauge(
    'mtscope_node_last_seen_timestamp_seconds',
    ['node'],
    'Time of the latest event of a node, seconds since 1970',
    's',
  ),

  folded: counter('mtscope_collector_events_folded_total', [], 'Events folded into the state'),
  repeated: counter(
    'mtscope_collector_events_repeated_total',
    [],
    'Events that arrived again and were not counted again',
  ),
  lost: counter(
    'mtscope_collector_events_lost_total',
    ['reason'],
    'Events missing from the state; "unexplained" are gaps in the sequence numbers without a reported loss',
  ),
  refused: counter(
    'mtscope_collector_events_refused_total',
    [],
    'Events of nodes and boots for which the state has no place',
  ),
  redated: counter(
    'mtscope_collector_events_redated_total',
    [],
    'Events whose time was corrected because the clock of their host was wrong',
  ),
  lag: gauge('mtscope_collector_lag_seconds', [], 'Age of the latest events when they were folded', 's'),
  partitionLag: gauge(
    'mtscope_collector_partition_lag',
    ['partition'],
    'Messages of a partition of the event topic that are not folded yet',
  ),
  partitionsHeld: gauge('mtscope_collector_partitions_held', [], 'Partitions that this collector folds'),
  commits: counter('mtscope_collector_commits_total', [], 'Batches that this collector wrote to Redis'),
  staleCommits: counter(
    'mtscope_collector_stale_commits_total',
    [],
    'Commits refused because Redis had another owner or an older state; the events are folded again from there',
  ),
  deadLetters: counter(
    'mtscope_collector_dead_letters_total',
    ['reason'],
    'Messages kept as dead letters, by what could not be read: a batch, a message, or an event in it',
  ),
  topicReplaced: counter(
    'mtscope_collector_topic_replaced_total',
    ['reason'],
    'Partitions of the event topic that were replaced: topic (created again), cluster (another one), truncated (its end was lost)',
  ),
  mirrorAge: gauge(
    'mtscope_collector_mirror_age_seconds',
    [],
    'Time since this collector last read the state from Redis',
    's',
  ),
  serviceUp: gauge(
    'mtscope_collector_service_up',
    ['service'],
    '1 if this collector reaches the service (kafka, redis), else 0',
  ),
  serviceFailing: gauge(
    'mtscope_collector_service_failing',
    ['service', 'reason'],
    '1 while a service (kafka, redis) fails this collector, by reason; 0 with reason none while it works',
  ),
  httpRefusals: counter(
    'mtscope_collector_http_refusals_total',
    ['reason'],
    'Requests to COLLECTOR_PORT that got no answer, by reason: host (421), busy (503), method (405), malformed (400, 431), timeout, connections (no place), token (401), token-limit (429), origin (403)',
  ),
  foldedRatio: gauge(
    'mtscope_collector_folded_ratio',
    [],
    'Share of the messages in the topic that are folded; it rises from 0 during a rebuild',
  ),
  stateReplaced: counter(
    'mtscope_collector_state_replaced_total',
    [],
    'Times that this collector found the state of a partition emptied, rebuilt or set back',
  ),
  stateEntries: gauge('mtscope_collector_state_entries', [], 'Numbers held in the state'),
  stateRefused: counter(
    'mtscope_collector_state_refused_total',
    [],
    'Amounts not counted because a part of the state had no place for their keys',
  ),
} as const satisfies Record<string, Metric>
