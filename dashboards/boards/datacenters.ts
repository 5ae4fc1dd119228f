import { clientPhases, orderlyReasons } from '../../proxy/events/outcome.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type Board, bad, query, seldom, timeline, timeseries } from '../builder/panels.ts'
import { countRate, gauge, max, quantile, rate, share, sum } from '../builder/queries.ts'

const way = ['dc', 'family', 'media'] as const
const named = 'dc {{dc}} {{family}} media {{media}}'

export const datacenters: Board = {
  uid: 'datacenters',
  title: 'Datacenters',
  description: 'Which datacenter is down or slow, and from where',
  rows: [
    {
      title: 'Do they answer?',
      panels: [
        timeline(
          'Up or down',
          'bool_yes_no',
          query(max(gauge(p.datacenterUp), 'instance', ...way), `{{instance}}: ${named}`),
          {
            description:
              'Whether any address answered its last probe, by node: red at one node only is that node’s route. A family that never worked is one the host does not have.',
            height: 12,
            thresholds: [
              [null, 'red'],
              [1, 'green'],
            ],
            runbook: 'datacenter-down',
          },
        ),
        timeseries('resPQ round trip, p50', 's', query(quantile(0.5, p.datacenterSeconds, way), named), {
          description: 'As people feel it, without them. Twice the usual is told.',
          thresholds: bad(0.3, 1),
          runbook: 'datacenter-slow',
        }),
        timeseries('resPQ round trip, p99', 's', query(quantile(0.99, p.datacenterSeconds, way), named), {
          description: 'The slowest: loss on the way shows here first.',
          thresholds: bad(1, 3),
          runbook: 'datacenter-slow',
        }),
        timeseries(
          'Probes that failed',
          'ops',
          seldom(
            sum(rate(p.datacenterProbesFailed), ...way, 'error'),
            `${named}: {{error}}`,
            'every probe was answered',
          ),
          {
            description:
              'By what went wrong: refused and unreachable are routes, timeout may be a filter, protocol somebody else who answers.',
            runbook: 'datacenter-down',
          },
        ),
        timeseries(
          'Dials that failed',
          'ops',
          seldom(sum(rate(p.dialFailures), 'dc', 'error'), 'dc {{dc}}: {{error}}', 'every dial succeeded'),
          {
            description:
              'Of people, not of probes. Each is one address: the next one of the same datacenter is tried.',
            runbook: 'datacenter-down',
          },
        ),
      ],
    },
    {
      title: 'What people have of them',
      panels: [
        timeseries('Open connections', 'short', query(sum(gauge(p.connectionsOpen), 'dc'), 'dc {{dc}}'), {
          description:
            'An account lives in one datacenter: where yours live is where the proxy should be near.',
          stacked: true,
        }),
        timeseries('Bytes', 'Bps', query(sum(rate(p.bytes), 'dc', 'direction'), 'dc {{dc}} {{direction}}'), {
          description: 'Both ways, by datacenter.',
        }),
        timeseries(
          'Dials that found a warm socket',
          'percentunit',
          query(
            share(countRate(p.dialSeconds, { pooled: 'true' }), countRate(p.dialSeconds), 'dc'),
            'dc {{dc}}',
          ),
          {
            description: 'The higher, the less people wait. Low at a steady rate: raise MAX_CONNS_IN_POOL.',
            max: 1,
          },
        ),
        timeseries(
          'Warm sockets',
          'short',
          query(sum(gauge(p.pooledConnections), 'instance'), '{{instance}}'),
          {
            description: 'Connections to all datacenters that wait for a client, by node.',
          },
        ),
        timeseries(
          'Drops',
          'ops',
          seldom(
            sum(
              rate(p.connectionsClosed, {
                phase: `~${clientPhases.join('|')}`,
                reason: `!~${orderlyReasons.join('|')}`,
              }),
              'dc',
              'reason',
            ),
            'dc {{dc}}: {{reason}}',
            'nobody was dropped',
          ),
          {
            description: 'Sessions that ended against somebody’s will.',
            runbook: 'connection-drops',
            traces: true,
          },
        ),
        timeseries('First byte, p95', 's', query(quantile(0.95, p.firstByteSeconds, ['dc']), 'dc {{dc}}'), {
          description:
            'From the client’s first byte up to the first one down. Probes fast and this slow: the datacenter is overloaded, or somebody shapes the traffic.',
          thresholds: bad(1, 2),
          runbook: 'stalled-sessions',
        }),
      ],
    },
  ],
}
