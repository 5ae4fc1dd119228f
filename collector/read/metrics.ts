import { durationBounds } from '../fold/histogram.ts'

/**
 * Every metric that only the fold knows, named once. What happens at a node is exported by the proxy
 * (`proxy/telemetry/catalogue/catalogue.ts`); here is what takes history: users, days, sessions, alerts, the pipeline itself.
 */
export type Metric = {
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  /** UCUM: seconds, bytes, or a plain number. */
  readonly unit: 's' | 'By' | '1'
  readonly labels: readonly string[]
  readonly help: string
  /** Upper bounds of a histogram, rising, in `unit`. */
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
    '1 while the alert is up; absent when it is not',
  ),
  alertsRaised: counter('mtscope_alerts_raised_total', ['rule'], 'Times that a rule raised an alert'),

  sessions: counter(
    'mtscope_sessions_total',
    ['stage'],
    'Sessions that came so far: accepted, hello (a whole first message that could be judged), authenticated, connected, requested (first byte up), answered (first byte down)',
  ),
  sessionsAnswered: counter(
    'mtscope_sessions_answered_total',
    ['within'],
    'Sessions by how long their first answer took: within 2s, within 8s, or later; each is counted once',
  ),
  sessionsDropped: counter(
    'mtscope_sessions_dropped_total',
    ['dc'],
    'Sessions closed in dial, waiting or relaying for none of done, idle, drain, limit',
  ),
  sessionSeconds: {
    name: 'mtscope_session_duration_seconds',
    kind: 'histogram',
    unit: 's',
    labels: [],
    help: 'How long sessions lived, from accept to close',
    buckets: durationBounds.map((ms) => ms / 1000),
  },
  dropRatio: gauge(
    'mtscope_session_drop_ratio',
    ['dc'],
    'Share of the sessions that ended in the last five minutes which were dropped; absent when none ended',
  ),

  lifetimeSessions: counter('mtscope_lifetime_sessions_total', [], 'Sessions of all time; survives restarts'),
  lifetimeBytes: counter(
    'mtscope_lifetime_bytes_total',
    ['direction'],
    'Bytes of all time; survives restarts',
    'By',
  ),
  daySessions: gauge('mtscope_day_sessions', [], 'Sessions of this day (UTC)'),
  dayBytes: gauge('mtscope_day_bytes', ['direction'], 'Bytes of this day (UTC)', 'By'),
  monthSessions: gauge('mtscope_month_sessions', [], 'Sessions of this month (UTC)'),
  monthBytes: gauge('mtscope_month_bytes', ['direction'], 'Bytes of this month (UTC)', 'By'),

  userOpen: gauge('mtscope_user_connections_open', ['user'], 'Sessions of a user open now'),
  userSessions: counter('mtscope_user_sessions_total', ['user'], 'Sessions of a user; survives restarts'),
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
  userLabelsCapped: gauge('mtscope_user_labels_capped', [], 'Users that share the label "other"'),

  nodesAlive: gauge('mtscope_nodes_alive', [], 'Nodes that told a fact in the last minute and did not stop'),
  nodeLastSeen: gauge(
    'mtscope_node_last_seen_timestamp_seconds',
    ['node'],
    'When a node told its latest fact, seconds since 1970',
    's',
  ),

  folded: counter('mtscope_collector_events_folded_total', [], 'Facts that are in the aggregates'),
  repeated: counter(
    'mtscope_collector_events_repeated_total',
    [],
    'Facts that came again and were not counted again',
  ),
  lost: counter(
    'mtscope_collector_events_lost_total',
    ['reason'],
    'Facts that the aggregates miss; "unexplained" are holes in seq that nobody accounted for',
  ),
  refused: counter(
    'mtscope_collector_events_refused_total',
    [],
    'Events of nodes and boots that found no place among the names that are kept',
  ),
  redated: counter(
    'mtscope_collector_events_redated_total',
    [],
    'Events of which the time was corrected, because the clock of their host was wrong',
  ),
  lag: gauge('mtscope_collector_lag_seconds', [], 'Age of the latest facts when they were folded', 's'),
  partitionLag: gauge(
    'mtscope_collector_partition_lag',
    ['partition'],
    'Messages of a partition of the events that are not folded yet',
  ),
  partitionsHeld: gauge('mtscope_collector_partitions_held', [], 'Partitions that this collector folds'),
  commits: counter('mtscope_collector_commits_total', [], 'Batches that this collector wrote to Redis'),
  staleCommits: counter(
    'mtscope_collector_stale_commits_total',
    [],
    'Times that Redis had another owner or an older state than this collector thought: folded again from there',
  ),
  deadLetters: counter(
    'mtscope_collector_dead_letters_total',
    ['reason'],
    'Messages kept aside by what could not be read: batch (of messages), message, or fact (an event in one)',
  ),
  topicReplaced: counter(
    'mtscope_collector_topic_replaced_total',
    ['reason'],
    'Partitions whose log was another one than was folded: topic (made again), cluster, truncated (its end was lost)',
  ),
  mirrorAge: gauge(
    'mtscope_collector_mirror_age_seconds',
    [],
    'Since this collector last read the state from Redis',
    's',
  ),
  serviceUp: gauge(
    'mtscope_collector_service_up',
    ['service'],
    'Whether this collector has its kafka, its redis',
  ),
  serviceFailing: gauge(
    'mtscope_collector_service_failing',
    ['service', 'reason'],
    '1 while this collector does not get what it asks of its kafka, its redis, by the reason; 0 of reason none while it does',
  ),
  foldedRatio: gauge(
    'mtscope_collector_folded_ratio',
    [],
    'Share of the messages in the topic that the state has; it climbs from 0 while the state is rebuilt',
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
    'Amounts not counted because a part of the state was full of other keys',
  ),
} as const satisfies Record<string, Metric>
