import { rules } from '../../collector/alerts/rules/rules.ts'
import { metrics as c } from '../../collector/read/metrics.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type Board, bad, badBy, good, inFleet, query, seldom, stat, timeseries } from '../builder/panels.ts'
import { eachFleet, fleetGauge, fleetRate, gauge, max, ofCollector, rate, sum } from '../builder/queries.ts'

export const pipeline: Board = {
  uid: 'pipeline',
  title: 'Pipeline',
  description: 'Completeness and age of the numbers: event log, Kafka, collectors, Redis',
  rows: [
    {
      title: 'Proxies',
      panels: [
        timeseries(
          'Events emitted and shipped',
          'ops',
          [
            query(sum(rate(p.eventsEmitted), 'instance'), '{{instance}} emitted'),
            inFleet(query(sum(rate(p.shipped), 'instance'), '{{instance}} shipped')),
          ],
          {
            description:
              'Events written to the event log, and events that Kafka acknowledged. If shipped stays behind emitted, check Kafka.',
          },
        ),
        timeseries(
          'Shipping lag',
          's',
          inFleet(query(max(gauge(p.shipLagSeconds), 'instance'), '{{instance}}')),
          {
            description:
              'Age of the oldest event that waits for Kafka. Traffic is not affected; LOG_MAX_BYTES limits how long events can wait. Check Kafka.',
            thresholds: bad(10, 60),
            runbook: 'kafka-lost',
          },
        ),
        timeseries(
          'Lost events',
          'ops',
          query(sum(rate(p.eventsLost), 'instance', 'reason'), '{{instance}}: {{reason}}'),
          {
            description:
              'Events given up at a bound, by reason; totals miss them. The runbook has a step for each reason.',
            thresholds: bad(0.001, 1),
            runbook: 'events-lost',
          },
        ),
        timeseries('Internal errors', 'ops', query(sum(rate(p.internalErrors), 'instance'), '{{instance}}'), {
          description:
            'Exceptions in the code of a proxy. Each closed at most one connection. Find the stack in its log, and report it.',
          thresholds: bad(0.001, 1),
          runbook: 'internal-error',
        }),
        timeseries(
          'Failed Kafka requests',
          'ops',
          inFleet(
            seldom(
              sum(rate(p.kafkaFailures), 'instance', 'reason'),
              '{{instance}}: {{reason}}',
              'no request has failed',
            ),
          ),
          {
            description:
              'Each is repeated. login-refused and not-authorized: check the settings. Other reasons: check the broker and the network path.',
            runbook: 'kafka-lost',
          },
        ),
        timeseries(
          'Kafka availability by proxy',
          'bool_yes_no',
          inFleet(query(max(gauge(p.kafkaUp), 'instance'), '{{instance}}')),
          {
            description: 'Whether Kafka accepted the last request of each proxy. No data without Kafka.',
            max: 1,
            runbook: 'kafka-lost',
          },
        ),
        timeseries(
          'Redis refusals by reason',
          'ops',
          inFleet(query(sum(rate(p.redisRefusals), 'instance', 'reason'), '{{instance}}: {{reason}}')),
          {
            description:
              'Commands of a proxy that its Redis refuses. READONLY: REDIS_URL leads to a replica. OOM: raise maxmemory. NOPERM, NOAUTH, WRONGPASS: check user and password. The log line redis-refuses names the remedy. No data without Redis.',
            thresholds: bad(0.001, 1),
            runbook: 'redis-lost',
          },
        ),
        timeseries(
          'HTTP refusals by reason',
          'ops',
          [
            query(sum(rate(p.httpRefusals), 'instance', 'reason'), '{{instance}}: {{reason}}'),
            inFleet(
              query(
                sum(`rate(${ofCollector(c.httpRefusals)}[$__rate_interval])`, 'instance', 'reason'),
                '{{instance}}: {{reason}}',
              ),
            ),
          ],
          {
            description:
              'Requests for status page and metrics that got no answer. host: add the name to METRICS_ALLOWED_HOSTS if it leads here. busy, connections: find the client that sends so many requests. token, token-limit: a client of the API has no valid token. Scrapes fail meanwhile, and graphs have gaps.',
          },
        ),
        timeseries('Event log size', 'bytes', query(max(gauge(p.logBytes), 'instance'), '{{instance}}'), {
          description: 'Bytes on disk, at most LOG_MAX_BYTES. In a fleet it stays small while Kafka works.',
        }),
        timeseries(
          'Exported and lost spans',
          'ops',
          [
            inFleet(query(sum(rate(p.spansExported)), 'exported')),
            inFleet(query(sum(rate(p.spansLost), 'reason'), 'lost: {{reason}}')),
          ],
          {
            description:
              'Spans sent to Kafka and to the targets of OTEL_*. Connections that failed, dropped or were slow are always exported; refused handshakes only when the sampler selects them.',
          },
        ),
      ],
    },
    {
      title: 'Collectors',
      panels: [
        stat('Collector lag', 's', query(eachFleet('max', ofCollector(c.lag)), '{{fleet}}'), {
          description:
            'Age of the events when they were folded: numbers, page and alerts are that old. Above 30 s, add a collector or check Redis.',
          thresholds: badBy(rules['collector-lag'], 1_000),
          runbook: 'collector-lag',
        }),
        stat(
          'Unexplained losses',
          'short',
          query(fleetGauge(c.lost, [], { reason: 'unexplained' }), 'events'),
          {
            description: 'Gaps in the sequence numbers without a reported loss. Above zero: report it.',
            thresholds: bad(1, 1),
            runbook: 'events-lost',
          },
        ),
        stat(
          'Dead letters',
          'short',
          inFleet(query(sum(fleetGauge(c.deadLetters, ['reason'])), 'messages')),
          {
            description:
              'Messages that no collector could read. Update the collectors, or find the program that writes them.',
            thresholds: bad(1, 100),
            runbook: 'dead-letters',
          },
        ),
        stat('Refused events', 'short', query(fleetGauge(c.refused), 'events'), {
          description:
            'Events of nodes beyond the limit of names; totals miss them. Look for made-up node names.',
          thresholds: bad(1, 1),
          runbook: 'names-refused',
        }),
        stat(
          'Replaced partitions',
          'short',
          inFleet(query(sum(fleetGauge(c.topicReplaced, ['reason'])), 'partitions')),
          {
            description:
              'Partitions of a topic that was created again, is of another cluster, or lost its end. If not intended, check the brokers.',
            thresholds: bad(1, 1_000),
            runbook: 'topic-replaced',
          },
        ),
        stat(
          'Service failures',
          'short',
          inFleet(query(ofCollector(c.serviceFailing), '{{instance}} {{service}}: {{reason}}')),
          {
            description: 'Why a collector cannot use its Kafka or Redis: 1 for the reason that applies.',
            thresholds: bad(1, 1),
            runbook: 'redis-lost',
          },
        ),
        stat(
          'Kafka and Redis availability',
          'bool_yes_no',
          inFleet(query(ofCollector(c.serviceUp), '{{instance}} {{service}}')),
          {
            description: 'Whether each collector reaches its Kafka and its Redis.',
            thresholds: good(1, 1),
            runbook: 'redis-lost',
          },
        ),
        stat('State size', 'short', query(fleetGauge(c.stateEntries), 'numbers'), {
          description:
            'Numbers in the state. Labels and times are bounded, so it stays flat; if it grows, report it.',
        }),
        stat('Users without a label', 'short', query(fleetGauge(c.userLabelsCapped), 'users'), {
          description: 'Users who share the label "other", because they are not among the busiest.',
        }),
        timeseries(
          'Folded events',
          'ops',
          [query(fleetRate(c.folded), 'folded'), query(fleetRate(c.lost, ['reason']), 'missing: {{reason}}')],
          {
            description:
              'Events a second that entered the state. After an outage a core folds the backlog at about ten thousand a second.',
          },
        ),
        timeseries(
          'Partition lag',
          'short',
          inFleet(
            query(
              eachFleet('max', ofCollector(c.partitionLag), 'partition'),
              '{{fleet}} partition {{partition}}',
            ),
          ),
          {
            description:
              'Messages that are not folded yet. One partition: restart its collector. All partitions: add a collector, or check Redis.',
            runbook: 'collector-lag',
          },
        ),
        timeseries(
          'Partitions by collector',
          'short',
          inFleet(query(sum(ofCollector(c.partitionsHeld), 'instance'), '{{instance}}')),
          {
            description:
              'Partitions that each collector folds. When one dies, the others take its share within ten seconds.',
            stacked: true,
          },
        ),
        timeseries(
          'Redis commits',
          'ops',
          [
            inFleet(
              query(
                sum(`rate(${ofCollector(c.commits)}[$__rate_interval])`, 'instance'),
                '{{instance}} batches',
              ),
            ),
            inFleet(
              query(
                sum(`rate(${ofCollector(c.staleCommits)}[$__rate_interval])`, 'instance'),
                '{{instance}} stale',
              ),
            ),
          ],
          {
            description:
              'Batches written to Redis. A stale one was refused, because another collector owns the partition or Redis lost its newest writes; it is folded again, and nothing is counted twice.',
          },
        ),
      ],
    },
    {
      title: 'Rebuild',
      panels: [
        timeseries(
          'Rebuild progress',
          'percentunit',
          inFleet(query(eachFleet('min', ofCollector(c.foldedRatio)), '{{fleet}}')),
          {
            description:
              'Share of the messages in Kafka that are folded. During a rebuild (npm run rebuild, or a Redis that lost its data) it climbs to 100 %; until then totals are old, and rates show history as if it happened now. At other times it stays at 100 %.',
            max: 1,
            width: 16,
            runbook: 'collector-lag',
          },
        ),
        stat(
          'Replaced states',
          'short',
          inFleet(
            query(eachFleet('max', `increase(${ofCollector(c.stateReplaced)}[$__range])`), '{{fleet}}'),
          ),
          {
            description:
              'Partitions whose state was emptied, rebuilt or set back in the time shown. If this was not intended, Redis lost data: check its appendonly setting and its disk.',
            thresholds: bad(1, 1_000),
            width: 8,
            runbook: 'redis-lost',
          },
        ),
      ],
    },
  ],
}
