import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type Board, bad, heatmap, query, type Row, timeseries } from '../builder/panels.ts'
import { buckets, countRate, quantile, type Source, sum } from '../builder/queries.ts'

const shares = [0.5, 0.95, 0.99] as const
const names = { dc: 'datacenter', mode: 'mode', pooled: 'pool use' } as const
const reported = { dc: 'dc {{dc}}', mode: '{{mode}}', pooled: 'pooled: {{pooled}}' } as const
type By = keyof typeof names

/** A heatmap and the percentiles over all, then each percentile by each label. */
const rowOf = <M extends Source & { kind: 'histogram' }>(
  title: string,
  metric: M,
  labels: readonly (M['labels'][number] & By)[],
  description: string,
  runbook: string,
): Row => ({
  title,
  panels: [
    heatmap(`${title}: distribution`, 's', query(buckets(metric), '{{le}}'), {
      description,
      traces: true,
    }),
    timeseries(
      `${title}: p50, p95, p99`,
      's',
      shares.map((share) => query(quantile(share, metric), `p${share * 100}`)),
      { description: `${description} All chosen nodes together.`, thresholds: bad(0.5, 2), traces: true },
    ),
    ...labels.flatMap((label) =>
      shares.map((share) =>
        timeseries(
          `${title}: p${share * 100} by ${names[label]}`,
          's',
          query(quantile(share, metric, [label]), reported[label]),
          {
            description: `${description} p${share * 100} by ${names[label]}.`,
            width: 8,
            thresholds: bad(0.5, 2),
            runbook,
          },
        ),
      ),
    ),
  ],
})

/** The networks of clients: slow ones are not the fault of this host or of a datacenter. */
const clientNetwork: Row = {
  title: 'Client network',
  panels: [
    ...shares.map((percent) =>
      timeseries(
        `Client round trip: p${percent * 100} by mode`,
        's',
        query(quantile(percent, p.clientRttSeconds, ['mode']), '{{mode}}'),
        {
          description:
            'Round trip between proxy and clients, by the kernel. If it is slow and datacenters are fast, the network of the clients is slow: place the proxy nearer to them.',
          width: 8,
          thresholds: bad(0.3, 1),
        },
      ),
    ),
    timeseries(
      'Client retransmissions: p50, p95',
      'percentunit',
      ([0.5, 0.95] as const).map((percent) =>
        query(quantile(percent, p.clientRetransmitRatio), `p${percent * 100}`),
      ),
      {
        description:
          'Share of segments to clients that had to be sent again, by connection. Above 2 % for many clients: check the network of this host, and use bbr.',
        thresholds: bad(0.02, 0.1),
      },
    ),
    timeseries(
      'Client delivery rate: p5, p50, p95',
      'Bps',
      ([0.05, 0.5, 0.95] as const).map((percent) =>
        query(quantile(percent, p.clientDeliveryRate), `p${percent * 100}`),
      ),
      {
        description:
          'Rate at which the networks of clients deliver downloads that are faster than they are. If all are low, check the link of this host.',
      },
    ),
  ],
}

export const latency: Board = {
  uid: 'latency',
  title: 'Latency',
  description: 'Latency of handshakes, dials, first bytes and datacenter round trips',
  rows: [
    rowOf(
      'Handshake',
      p.handshakeSeconds,
      ['mode'],
      'From accept to an accepted handshake: mostly the round trip to the client. If it is slow for every client, check the host CPU.',
      'event-loop',
    ),
    rowOf(
      'Dial',
      p.dialSeconds,
      ['dc', 'pooled'],
      'From the request for a datacenter connection to having it; a pooled one takes no time. If it is slow, check the route from this host.',
      'datacenter-slow',
    ),
    rowOf(
      'First byte',
      p.firstByteSeconds,
      ['dc', 'mode'],
      'From the client’s first byte to the first byte of the answer: above 2 s users notice, above 8 s they give up. Compare it with the datacenter round trip.',
      'stalled-sessions',
    ),
    rowOf(
      'Datacenter round trip',
      p.datacenterSeconds,
      ['dc'],
      'From req_pq_multi to resPQ, measured by probes without clients. If it is slow, check the route from this host.',
      'datacenter-slow',
    ),
    clientNetwork,
    {
      title: 'Rates',
      panels: [
        timeseries('Handshake rate', 'ops', query(sum(countRate(p.handshakeSeconds), 'mode'), '{{mode}}'), {
          description:
            'Accepted handshakes a second, by mode. With few of them the percentiles above mean little.',
        }),
        timeseries('Dial rate', 'ops', query(sum(countRate(p.dialSeconds), 'dc'), 'dc {{dc}}'), {
          description:
            'Dials a second, pooled ones included. Their share is the pool hit ratio on the Datacenters dashboard.',
        }),
      ],
    },
  ],
}
