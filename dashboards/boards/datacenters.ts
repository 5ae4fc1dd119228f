import { clientPhases, orderlyReasons } from '../../proxy/events/outcome.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type Board, bad, query, seldom, timeline, timeseries } from '../builder/panels.ts'
import { countRate, gauge, max, quantile, rate, share, sum } from '../builder/queries.ts'
import { middleProxies } from './middle-proxies.ts'

const way = ['dc', 'family', 'media'] as const
const named = 'dc {{dc}} {{family}} media {{media}}'

const direct = 'UPSTREAMS is direct, or no upstream has failed'

export const datacenters: Board = {
  uid: 'datacenters',
  title: 'Datacenters',
  description: 'Availability, latency and traffic of each Telegram datacenter, by node',
  rows: [
    {
      title: 'Availability and round trips',
      panels: [
        timeline(
          'Datacenter availability',
          'bool_yes_no',
          query(max(gauge(p.datacenterUp), 'instance', ...way), `{{instance}}: ${named}`),
          {
            description:
              'Whether any address answered its last probe, by node. Red at one node only: check the route of that node. A family that never worked is one that the host does not have.',
            height: 12,
            thresholds: [
              [null, 'red'],
              [1, 'green'],
            ],
            runbook: 'datacenter-down',
          },
        ),
        timeseries('resPQ round trip, p50', 's', query(quantile(0.5, p.datacenterSeconds, way), named), {
          description:
            'Median of the probes: the network path without clients. At twice the usual an alert is raised: check the route.',
          thresholds: bad(0.3, 1),
          runbook: 'datacenter-slow',
        }),
        timeseries('resPQ round trip, p99', 's', query(quantile(0.99, p.datacenterSeconds, way), named), {
          description: 'The slowest probes. Packet loss on the path shows here first.',
          thresholds: bad(1, 3),
          runbook: 'datacenter-slow',
        }),
        timeseries(
          'Failed probes',
          'ops',
          seldom(
            sum(rate(p.datacenterProbesFailed), ...way, 'error'),
            `${named}: {{error}}`,
            'every probe was answered',
          ),
          {
            description:
              'Probes by error. refused and unreachable: check the route. timeout: a filter is possible. protocol: another program answers in place of the datacenter.',
            runbook: 'datacenter-down',
          },
        ),
        timeseries(
          'Failed dials',
          'ops',
          seldom(sum(rate(p.dialFailures), 'dc', 'error'), 'dc {{dc}}: {{error}}', 'every dial succeeded'),
          {
            description:
              'Dials for clients, by error. Each is one address; the proxy then tries the next address of the same datacenter.',
            runbook: 'datacenter-down',
          },
        ),
      ],
    },
    {
      title: 'Upstreams',
      panels: [
        timeline(
          'Upstream availability',
          'bool_yes_no',
          seldom(max(gauge(p.upstreamUp), 'instance', 'upstream'), '{{instance}}: {{upstream}}', direct),
          {
            description:
              'Whether dials and probes through an upstream reach a datacenter, by node. Red: clients take the next upstream of UPSTREAMS.',
            thresholds: [
              [null, 'red'],
              [1, 'green'],
            ],
            runbook: 'upstream-down',
          },
        ),
        timeseries(
          'Connections by upstream',
          'ops',
          seldom(sum(rate(p.upstreamConnections), 'upstream'), '{{upstream}}', direct),
          {
            description:
              'Connections that reached their datacenter through each upstream. Weights of UPSTREAMS show as shares.',
          },
        ),
        timeseries(
          'Upstream dial, p95',
          's',
          seldom(quantile(0.95, p.upstreamSeconds, ['upstream']), '{{upstream}}', direct),
          {
            description:
              'Time to connect to a datacenter through each upstream, the handshake of SOCKS5 included. Above 0.5 s choose an upstream nearer to this host or to the datacenters.',
            thresholds: bad(0.5, 1),
          },
        ),
        timeseries(
          'Upstream failures',
          'ops',
          seldom(sum(rate(p.upstreamFailures), 'upstream', 'error'), '{{upstream}}: {{error}}', direct),
          {
            description:
              'Dials and probes that failed before the datacenter, by error. login: correct UPSTREAMS. no-ports: add source addresses. timeout: the server hangs or is too slow.',
            runbook: 'upstream-down',
          },
        ),
      ],
    },
    {
      title: 'Client traffic',
      panels: [
        timeseries('Open connections', 'short', query(sum(gauge(p.connectionsOpen), 'dc'), 'dc {{dc}}'), {
          description:
            'Connections by datacenter. An account lives in one datacenter: place the proxy near those that your users need.',
          stacked: true,
        }),
        timeseries(
          'Throughput',
          'Bps',
          query(sum(rate(p.bytes), 'dc', 'direction'), 'dc {{dc}} {{direction}}'),
          {
            description: 'Bytes a second by datacenter and direction.',
          },
        ),
        timeseries(
          'Pool hit ratio',
          'percentunit',
          query(
            share(countRate(p.dialSeconds, { pooled: 'true' }), countRate(p.dialSeconds), 'dc'),
            'dc {{dc}}',
          ),
          {
            description:
              'Share of dials that got a pooled connection and did not wait. If it is low at a steady rate, raise MAX_CONNS_IN_POOL.',
            max: 1,
          },
        ),
        timeseries(
          'Pooled connections',
          'short',
          query(sum(gauge(p.pooledConnections), 'instance'), '{{instance}}'),
          {
            description: 'Connections to datacenters, opened ahead of need, by node.',
          },
        ),
        timeseries(
          'Connection drops',
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
            'no connection was dropped',
          ),
          {
            description:
              'Connections that ended by a fault, by datacenter and reason. The runbook has the steps for each side and phase.',
            runbook: 'connection-drops',
            traces: true,
          },
        ),
        timeseries(
          'First-byte latency, p95',
          's',
          query(quantile(0.95, p.firstByteSeconds, ['dc']), 'dc {{dc}}'),
          {
            description:
              'From the client’s first byte to the first byte of the answer. If probes are fast and this is slow, the datacenter is overloaded or the traffic is shaped.',
            thresholds: bad(1, 2),
            runbook: 'stalled-sessions',
          },
        ),
      ],
    },
    middleProxies,
  ],
}
