import { metrics as c } from '../../collector/read/metrics.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type Board, bad, good, inFleet, query, seldom, stat, timeseries } from '../builder/panels.ts'
import { eachFleet, fleetGauge, fleetRate, gauge, max, ofCollector, rate, sum } from '../builder/queries.ts'

export const pipeline: Board = {
  uid: 'pipeline',
  title: 'Pipeline',
  description: 'Whether what you see is all there is, and how old it is',
  rows: [
    {
      title: 'From the proxies',
      panels: [
        timeseries(
          'Facts',
          'ops',
          [
            query(sum(rate(p.eventsEmitted), 'instance'), '{{instance}} told'),
            inFleet(query(sum(rate(p.shipped), 'instance'), '{{instance}} shipped')),
          ],
          {
            description:
              'Told into the local log, and acknowledged by Kafka. The second follows the first, or Kafka is away.',
          },
        ),
        timeseries(
          'Age of what waits for Kafka',
          's',
          inFleet(query(max(gauge(p.shipLagSeconds), 'instance'), '{{instance}}')),
          {
            description:
              'Seconds that the oldest fact has waited. Traffic does not care; LOG_MAX_BYTES says how long it may last.',
            thresholds: bad(10, 60),
            runbook: 'kafka-lost',
          },
        ),
        timeseries(
          'Lost',
          'ops',
          query(sum(rate(p.eventsLost), 'instance', 'reason'), '{{instance}}: {{reason}}'),
          {
            description: 'Facts given up at a bound. The numbers miss them.',
            thresholds: bad(0.001, 1),
            runbook: 'events-lost',
          },
        ),
        timeseries(
          'Errors of the proxies themselves',
          'ops',
          query(sum(rate(p.internalErrors), 'instance'), '{{instance}}'),
          {
            description:
              'Exceptions of their own code. Each cut one connection at most; the log has the stack.',
            thresholds: bad(0.001, 1),
            runbook: 'internal-error',
          },
        ),
        timeseries(
          'Tries at Kafka that failed',
          'ops',
          inFleet(
            seldom(
              sum(rate(p.kafkaFailures), 'instance', 'reason'),
              '{{instance}}: {{reason}}',
              'no try failed',
            ),
          ),
          {
            description:
              'Each is tried again. login-refused and not-authorized are settings; the rest is the broker or the way to it.',
            runbook: 'kafka-lost',
          },
        ),
        timeseries(
          'Kafka, as the proxies have it',
          'bool_yes_no',
          inFleet(query(max(gauge(p.kafkaUp), 'instance'), '{{instance}}')),
          {
            description: 'Whether it took what was sent last. Without Kafka there is nothing here.',
            max: 1,
            runbook: 'kafka-lost',
          },
        ),
        timeseries('The local log', 'bytes', query(max(gauge(p.logBytes), 'instance'), '{{instance}}'), {
          description: 'On disk, of LOG_MAX_BYTES. In a fleet it is small while Kafka is well.',
        }),
        timeseries(
          'Spans',
          'ops',
          [
            inFleet(query(sum(rate(p.spansExported)), 'taken')),
            inFleet(query(sum(rate(p.spansLost), 'reason'), 'given up: {{reason}}')),
          ],
          {
            description:
              'To Kafka, and wherever OTEL_* says. Sessions that failed, dropped or were slow are always among them; refused handshakes are when the sampler takes them.',
          },
        ),
      ],
    },
    {
      title: 'Into the state',
      panels: [
        stat('Behind', 's', query(eachFleet('max', ofCollector(c.lag)), '{{fleet}}'), {
          description: 'How old the facts were when they were folded: numbers, page and alerts are that old.',
          thresholds: bad(5, 30),
          runbook: 'collector-lag',
        }),
        stat(
          'Not accounted for',
          'short',
          query(fleetGauge(c.lost, [], { reason: 'unexplained' }), 'facts'),
          {
            description: 'Holes in the sequence that nobody explains. Above zero: please report it.',
            thresholds: bad(1, 1),
            runbook: 'events-lost',
          },
        ),
        stat(
          'Dead letters',
          'short',
          inFleet(query(sum(fleetGauge(c.deadLetters, ['reason'])), 'messages')),
          {
            description: 'Messages that nobody could read, kept aside.',
            thresholds: bad(1, 100),
            runbook: 'dead-letters',
          },
        ),
        stat('Without a place', 'short', query(fleetGauge(c.refused), 'events'), {
          description: 'Events of nodes beyond the bound of names: not in the totals.',
          thresholds: bad(1, 1),
          runbook: 'names-refused',
        }),
        stat(
          'Other logs',
          'short',
          inFleet(query(sum(fleetGauge(c.topicReplaced, ['reason'])), 'partitions')),
          {
            description: 'Partitions whose topic was made again, is of another cluster, or lost its end.',
            thresholds: bad(1, 1_000),
            runbook: 'topic-replaced',
          },
        ),
        stat(
          'Why not',
          'short',
          inFleet(query(ofCollector(c.serviceFailing), '{{instance}} {{service}}: {{reason}}')),
          {
            description: 'What keeps a collector from its Kafka or Redis: 1 by the reason.',
            thresholds: bad(1, 1),
            runbook: 'redis-lost',
          },
        ),
        stat(
          'Kafka and Redis',
          'bool_yes_no',
          inFleet(query(ofCollector(c.serviceUp), '{{instance}} {{service}}')),
          {
            description: 'Whether each collector has them.',
            thresholds: good(1, 1),
            runbook: 'redis-lost',
          },
        ),
        stat('Numbers held', 'short', query(fleetGauge(c.stateEntries), 'numbers'), {
          description: 'In the state: labels and times are bounded, so this stays flat.',
        }),
        stat('Labels capped', 'short', query(fleetGauge(c.userLabelsCapped), 'users'), {
          description: 'Users beyond the busiest, who share the label "other".',
        }),
        timeseries(
          'Facts folded',
          'ops',
          [query(fleetRate(c.folded), 'folded'), query(fleetRate(c.lost, ['reason']), 'missing: {{reason}}')],
          {
            description:
              'After an outage the backlog is folded as fast as a core can: some ten thousand a second.',
          },
        ),
        timeseries(
          'Messages not folded yet',
          'short',
          inFleet(
            query(
              eachFleet('max', ofCollector(c.partitionLag), 'partition'),
              '{{fleet}} partition {{partition}}',
            ),
          ),
          {
            description:
              'One partition alone: its collector is stuck. All: one collector more, or Redis is slow.',
            runbook: 'collector-lag',
          },
        ),
        timeseries(
          'Who folds',
          'short',
          inFleet(query(sum(ofCollector(c.partitionsHeld), 'instance'), '{{instance}}')),
          {
            description:
              'Partitions of each collector. When one dies the others have its share within ten seconds.',
            stacked: true,
          },
        ),
        timeseries(
          'Writes to Redis',
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
              'Stale: another collector has it, or Redis lost its tail: folded again from there, nothing counted twice.',
          },
        ),
      ],
    },
    {
      title: 'A state that is rebuilt',
      panels: [
        timeseries(
          'Folded, of all that Kafka has',
          'percentunit',
          inFleet(query(eachFleet('min', ofCollector(c.foldedRatio)), '{{fleet}}')),
          {
            description:
              'How far a rebuild is (npm run rebuild, or a Redis that lost everything): it climbs to 100 %, and until then the totals are of the past and rates show history as if it happened now. At other times it stays at 100 %, short of what has just come.',
            max: 1,
            width: 16,
            runbook: 'collector-lag',
          },
        ),
        stat(
          'States replaced',
          'short',
          inFleet(
            query(eachFleet('max', `increase(${ofCollector(c.stateReplaced)}[$__range])`), '{{fleet}}'),
          ),
          {
            description:
              'Partitions whose state was emptied, rebuilt or set back in this time. When nobody asked for it, Redis lost data: look at its appendonly and at its disk.',
            thresholds: bad(1, 1_000),
            width: 8,
            runbook: 'redis-lost',
          },
        ),
      ],
    },
  ],
}
