import { rules } from '../../collector/alerts/rules/rules.ts'
import { metrics as c } from '../../collector/read/metrics.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type AlertGroup, duration } from './rule.ts'

type Windowed =
  | 'events-lost'
  | 'internal-error'
  | 'thread-died'
  | 'replay-unclaimed'
  | 'names-refused'
  | 'dead-letters'
  | 'topic-replaced'

/** The window of a rule as a range selector: `${windowOf('kafka-lost')}`. */
const windowOf = (rule: Windowed): string => `[${duration(rules[rule].windowMs)}]`

/** Twice as long as a collector waits. */
const lostFor = (rule: 'kafka-lost' | 'redis-lost'): string => duration(2 * rules[rule].raiseMs)

/** Alerts about the events on their way to the state. */
export const pipeline: AlertGroup = {
  name: 'mtscope-pipeline',
  rules: [
    {
      alert: 'MtscopeEventsLost',
      rule: 'events-lost',
      severity: rules['events-lost'].severity,
      expr: `sum by (reason) (increase(${p.eventsLost.name}${windowOf('events-lost')})) > 0\nor max by (fleet, reason) (increase(${c.lost.name}{reason="unexplained"}${windowOf('events-lost')})) > 0`,
      for: '0m',
      summary: `{{ $value | humanize }} events were lost in the last ${duration(rules['events-lost'].windowMs)} ({{ $labels.reason }})`,
      description:
        'Totals are too low by these events; traffic is not affected. A bound was reached: check LOG_MAX_BYTES, the disk, and whether a broker was away for too long.',
    },
    {
      alert: 'MtscopeInternalError',
      rule: 'internal-error',
      severity: rules['internal-error'].severity,
      expr: `increase(${p.internalErrors.name}${windowOf('internal-error')}) > 0`,
      for: '0m',
      summary: `The code of {{ $labels.instance }} failed {{ $value | humanize }} times in the last ${duration(rules['internal-error'].windowMs)}`,
      description:
        'Usually never. Each failure closed at most one connection; the others go on. Find the stack in the log of the proxy, update the proxy, and report the stack if it fails again.',
    },
    {
      alert: 'MtscopeThreadDied',
      rule: 'thread-died',
      severity: rules['thread-died'].severity,
      expr: `sum without (reason) (increase(${p.threadDeaths.name}${windowOf('thread-died')})) > 0`,
      for: '0m',
      summary: `{{ $value | humanize }} relay threads of {{ $labels.instance }} died in the last ${duration(rules['thread-died'].windowMs)}`,
      description:
        'Usually none. Their connections were closed and come again; those of other threads go on, and new threads took their places. Find relay-thread-died in the log of the proxy.',
    },
    {
      alert: 'MtscopeShipLag',
      rule: 'kafka-lost',
      severity: 'warning',
      expr: `${p.shipLagSeconds.name} > 60`,
      for: '1m',
      summary: '{{ $labels.instance }} has not shipped its events for {{ $value | humanizeDuration }}',
      description:
        'Kafka does not accept them: they wait in DATA_DIR, up to LOG_MAX_BYTES; traffic is not affected. Check the brokers and KAFKA_BROKERS.',
    },
    {
      alert: 'MtscopeKafkaLost',
      rule: 'kafka-lost',
      severity: rules['kafka-lost'].severity,
      expr: `${c.serviceUp.name}{service="kafka"} == 0`,
      for: lostFor('kafka-lost'),
      summary: 'Collector {{ $labels.instance }} has lost Kafka',
      description:
        'It folds nothing, and if no collector reaches Kafka, no other alert is decided; clients are not affected. Check the brokers and KAFKA_BROKERS.',
    },
    {
      alert: 'MtscopeRedisLost',
      rule: 'redis-lost',
      severity: rules['redis-lost'].severity,
      expr: `${c.serviceUp.name}{service="redis"} == 0`,
      for: lostFor('redis-lost'),
      summary: 'Collector {{ $labels.instance }} has lost Redis',
      description:
        'Nothing is folded, and no alert of the collector is decided; clients are not affected. Check Redis and REDIS_URL.',
    },
    {
      alert: 'MtscopeReplayUnclaimed',
      rule: 'replay-unclaimed',
      severity: rules['replay-unclaimed'].severity,
      expr: `sum(increase(${p.replaysUnclaimed.name}${windowOf('replay-unclaimed')})) >= ${rules['replay-unclaimed'].raise}`,
      for: '1m',
      summary: `Redis did not answer the claims of {{ $value | humanize }} handshakes in the last ${duration(rules['replay-unclaimed'].windowMs)}`,
      description:
        'A handshake captured at one proxy may pass at another, or clients are refused, as REPLAY_ON_REDIS_LOSS is set. Check Redis and the network path to it.',
    },
    {
      alert: 'MtscopeUsersUnreadable',
      rule: 'users-unreadable',
      severity: rules['users-unreadable'].severity,
      expr: `${p.userStoreReadable.name} == 0`,
      for: duration(rules['users-unreadable'].raiseMs),
      summary: '{{ $labels.instance }} does not use its user store as it is',
      description:
        'The last good users stay in force, and changes do not arrive. Find users-damaged or user-clash in the log, or run mtscope doctor --only users.',
    },
    {
      alert: 'MtscopeListStale',
      rule: 'list-stale',
      severity: rules['list-stale'].severity,
      expr: `${p.listSourcesMissing.name} > 0\nor (${p.listSourcesFailed.name} > 0 and time() - ${p.listTime.name} >= ${rules['list-stale'].staleMs / 1000})`,
      for: '0m',
      summary:
        '{{ $labels.instance }} cannot load {{ $value | humanize }} sources of its {{ $labels.list }} list',
      description: `Nothing of them is in use, or what was loaded more than ${duration(rules['list-stale'].staleMs)} ago: new networks are missing. Find list-not-loaded in the log, and correct BLOCK_LISTS or ALLOW_LISTS.`,
    },
    {
      alert: 'MtscopeNamesRefused',
      rule: 'names-refused',
      severity: rules['names-refused'].severity,
      expr: `max by (fleet) (increase(${c.refused.name}${windowOf('names-refused')})) > 0\nor max by (fleet) (increase(${c.stateRefused.name}${windowOf('names-refused')})) > 0`,
      for: '0m',
      summary: `{{ $value | humanize }} events or amounts of new names were left out in the last ${duration(rules['names-refused'].windowMs)}`,
      description:
        'All places for names (nodes, or labels of one time span) are taken: totals are too low by these. Look for made-up names, and for the program that writes them to the topic.',
    },
    {
      alert: 'MtscopeDeadLetters',
      rule: 'dead-letters',
      severity: rules['dead-letters'].severity,
      expr: `max by (fleet, reason) (increase(${c.deadLetters.name}${windowOf('dead-letters')})) > 0`,
      for: '0m',
      summary: `{{ $value | humanize }} messages could not be read in the last ${duration(rules['dead-letters'].windowMs)} ({{ $labels.reason }})`,
      description:
        'They are kept in the dead-letter topic; totals miss their events. Update the collectors, always before the proxies, or find another program that writes to the topic.',
    },
    {
      alert: 'MtscopeTopicReplaced',
      rule: 'topic-replaced',
      severity: rules['topic-replaced'].severity,
      expr: `max by (fleet, reason) (increase(${c.topicReplaced.name}${windowOf('topic-replaced')})) > 0`,
      for: '0m',
      summary: `{{ $value | humanize }} partitions of the event topic were replaced in the last ${duration(rules['topic-replaced'].windowMs)} ({{ $labels.reason }})`,
      description:
        'The topic was created again, the cluster is another one, or the brokers lost its end: events that were not folded are lost, totals stay. If this was not intended, check the brokers and their disks.',
    },
    {
      alert: 'MtscopeCollectorLag',
      rule: 'collector-lag',
      severity: rules['collector-lag'].severity,
      expr: `min by (fleet) (${c.lag.name}) > ${rules['collector-lag'].raise / 1000}`,
      for: '2m',
      summary: `The collectors are {{ $value | humanizeDuration }} behind (limit ${rules['collector-lag'].raise / 1000} s)`,
      description:
        'Numbers, page and alerts are that old. Start another collector, or read the log of the present one.',
    },
  ],
}
