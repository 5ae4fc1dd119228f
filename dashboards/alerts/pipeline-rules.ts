import { rules } from '../../collector/alerts/rules/rules.ts'
import { metrics as c } from '../../collector/read/metrics.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type AlertGroup, duration } from './rule.ts'

type Windowed =
  | 'events-lost'
  | 'internal-error'
  | 'replay-unclaimed'
  | 'names-refused'
  | 'dead-letters'
  | 'topic-replaced'

/** The window of a rule as a range selector: `${windowOf('kafka-lost')}`. */
const windowOf = (rule: Windowed): string => `[${duration(rules[rule].windowMs)}]`

/** Twice what a collector waits: one scrape that missed a restart is not a loss. */
const lostFor = (rule: 'kafka-lost' | 'redis-lost'): string => duration(2 * rules[rule].raiseMs)

/** Of what becomes of the events. */
export const pipeline: AlertGroup = {
  name: 'mtscope-pipeline',
  rules: [
    {
      alert: 'MtscopeEventsLost',
      rule: 'events-lost',
      severity: rules['events-lost'].severity,
      expr: `sum by (reason) (increase(${p.eventsLost.name}${windowOf('events-lost')})) > 0\nor max by (fleet, reason) (increase(${c.lost.name}{reason="unexplained"}${windowOf('events-lost')})) > 0`,
      for: '0m',
      summary: '{{ $value | humanize }} events were lost ({{ $labels.reason }})',
      description:
        'The numbers miss them; traffic is not touched. A bound was reached: LOG_MAX_BYTES, a full disk, or a broker that was away for too long.',
    },
    {
      alert: 'MtscopeInternalError',
      rule: 'internal-error',
      severity: rules['internal-error'].severity,
      expr: `increase(${p.internalErrors.name}${windowOf('internal-error')}) > 0`,
      for: '0m',
      summary: 'The code of {{ $labels.instance }} failed {{ $value | humanize }} times in ten minutes',
      description:
        'Each failure cut one connection at most; all others go on. The log of the proxy has the stack: update it, and report what stays.',
    },
    {
      alert: 'MtscopeShipLag',
      rule: 'kafka-lost',
      severity: 'warning',
      expr: `${p.shipLagSeconds.name} > 60`,
      for: '1m',
      summary: '{{ $labels.instance }} cannot ship its events for {{ $value | humanizeDuration }}',
      description:
        'Kafka does not take them: they wait in DATA_DIR, and traffic is not touched. LOG_MAX_BYTES says for how long.',
    },
    {
      alert: 'MtscopeKafkaLost',
      rule: 'kafka-lost',
      severity: rules['kafka-lost'].severity,
      expr: `${c.serviceUp.name}{service="kafka"} == 0`,
      for: lostFor('kafka-lost'),
      summary: '{{ $labels.instance }} has lost its Kafka',
      description:
        'It folds nothing while it lasts, and if no collector has one, no other alert is decided; clients are not touched.',
    },
    {
      alert: 'MtscopeRedisLost',
      rule: 'redis-lost',
      severity: rules['redis-lost'].severity,
      expr: `${c.serviceUp.name}{service="redis"} == 0`,
      for: lostFor('redis-lost'),
      summary: '{{ $labels.instance }} has lost its Redis',
      description:
        'Nothing is folded and no alert of the collector is decided while it lasts; clients are not touched.',
    },
    {
      alert: 'MtscopeReplayUnclaimed',
      rule: 'replay-unclaimed',
      severity: rules['replay-unclaimed'].severity,
      expr: `sum(increase(${p.replaysUnclaimed.name}${windowOf('replay-unclaimed')})) >= ${rules['replay-unclaimed'].raise}`,
      for: '1m',
      summary: 'Redis did not answer for {{ $value | humanize }} handshakes in five minutes',
      description:
        'A handshake captured at one proxy may pass at another, or clients are refused, as REPLAY_ON_REDIS_LOSS says.',
    },
    {
      alert: 'MtscopeNamesRefused',
      rule: 'names-refused',
      severity: rules['names-refused'].severity,
      expr: `max by (fleet) (increase(${c.refused.name}${windowOf('names-refused')})) > 0\nor max by (fleet) (increase(${c.stateRefused.name}${windowOf('names-refused')})) > 0`,
      for: '0m',
      summary: '{{ $value | humanize }} events or amounts of new names were left out in ten minutes',
      description:
        'All places for names (nodes, or labels of one time span) are taken: totals are too low by these. Look for made-up names, and who writes to the topic.',
    },
    {
      alert: 'MtscopeDeadLetters',
      rule: 'dead-letters',
      severity: rules['dead-letters'].severity,
      expr: `max by (fleet, reason) (increase(${c.deadLetters.name}${windowOf('dead-letters')})) > 0`,
      for: '0m',
      summary: '{{ $value | humanize }} messages could not be read',
      description: 'They are in the dead-letter topic. Update the collectors before the proxies.',
    },
    {
      alert: 'MtscopeTopicReplaced',
      rule: 'topic-replaced',
      severity: rules['topic-replaced'].severity,
      expr: `max by (fleet, reason) (increase(${c.topicReplaced.name}${windowOf('topic-replaced')})) > 0`,
      for: '0m',
      summary:
        'The log of {{ $value | humanize }} partitions of the events is another one ({{ $labels.reason }})',
      description:
        'The topic was made again, the cluster is another one, or the brokers lost its end. Totals go on; events that were not folded are lost.',
    },
    {
      alert: 'MtscopeCollectorLag',
      rule: 'collector-lag',
      severity: rules['collector-lag'].severity,
      expr: `min by (fleet) (${c.lag.name}) > ${rules['collector-lag'].raise / 1000}`,
      for: '2m',
      summary: 'The numbers are {{ $value | humanizeDuration }} behind',
      description:
        'The collector folds slower than events come, or stands still. Start another one, or look at its log.',
    },
  ],
}
