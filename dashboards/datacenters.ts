import { metrics as p } from '../proxy/telemetry/catalogue.ts'
import { type Board, bad, query, quiet, timeline, timeseries } from './panels.ts'
import { gauge, max, quantile, rate, sum } from './queries.ts'

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
          query(max(gauge(p.datacenterUp, { dc: '~$dc' }), 'instance', ...way), `{{instance}}: ${named}`),
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
        timeseries(
          'resPQ round trip, p50',
          's',
          query(quantile(0.5, p.datacenterSeconds, way, { dc: '~$dc' }), named),
          {
            description: 'As people feel it, without them. Twice the usual is told.',
            thresholds: bad(0.3, 1),
            runbook: 'datacenter-slow',
          },
        ),
        timeseries(
          'resPQ round trip, p99',
          's',
          query(quantile(0.99, p.datacenterSeconds, way, { dc: '~$dc' }), named),
          {
            description: 'The slowest: loss on the way shows here first.',
            thresholds: bad(1, 3),
            runbook: 'datacenter-slow',
          },
        ),
        timeseries(
          'Probes that failed',
          'ops',
          quiet(sum(rate(p.datacenterProbesFailed, { dc: '~$dc' }), ...way, 'error'), `${named}: {{error}}`),
          {
            description:
              'By what went wrong: refused and unreachable are routes, timeout may be a filter, protocol somebody else who answers.',
            runbook: 'datacenter-down',
          },
        ),
        timeseries(
          'Dials that failed',
          'ops',
          quiet(sum(rate(p.dialFailures, { dc: '~$dc' }), 'dc', 'error'), 'dc {{dc}}: {{error}}'),
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
        timeseries(
          'Open connections',
          'short',
          query(sum(gauge(p.connectionsOpen, { dc: '~$dc' }), 'dc'), 'dc {{dc}}'),
          {
            description:
              'An account lives in one datacenter: where yours live is where the proxy should be near.',
            stacked: true,
          },
        ),
        timeseries(
          'Bytes',
          'Bps',
          query(sum(rate(p.bytes, { dc: '~$dc' }), 'dc', 'direction'), 'dc {{dc}} {{direction}}'),
          {
            description: 'Both ways, by datacenter.',
          },
        ),
        timeseries(
          'Drops',
          'ops',
          quiet(
            sum(
              rate(p.connectionsClosed, {
                dc: '~$dc',
                phase: '~dial|waiting|relaying',
                reason: '~refused|reset|timeout|stalled|internal|overload',
              }),
              'dc',
              'reason',
            ),
            'dc {{dc}}: {{reason}}',
          ),
          {
            description: 'Sessions that ended against somebody’s will.',
            runbook: 'connection-drops',
            traces: true,
          },
        ),
        timeseries(
          'First byte, p95',
          's',
          query(quantile(0.95, p.firstByteSeconds, ['dc'], { dc: '~$dc' }), 'dc {{dc}}'),
          {
            description:
              'From the client’s first byte up to the first one down. Probes fast and this slow: the datacenter is overloaded, or somebody shapes the traffic.',
            thresholds: bad(1, 2),
            runbook: 'stalled-sessions',
          },
        ),
      ],
    },
  ],
}
