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
