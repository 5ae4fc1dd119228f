import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type Board, bad, heatmap, query, type Row, timeseries } from '../builder/panels.ts'
import { buckets, countRate, quantile, type Source, sum } from '../builder/queries.ts'

const shares = [0.5, 0.95, 0.99] as const
const names = { dc: 'datacenter', mode: 'mode', pooled: 'warm or not' } as const
const reported = { dc: 'dc {{dc}}', mode: '{{mode}}', pooled: 'warm: {{pooled}}' } as const
type By = keyof typeof names

/** A heatmap and percentiles of all, then each percentile by each of the labels that tell people apart. */
const rowOf = <M extends Source & { kind: 'histogram' }>(
  title: string,
  metric: M,
  labels: readonly (M['labels'][number] & By)[],
  description: string,
  runbook: string,
): Row => ({
  title,
  panels: [
    heatmap(`${title}: how many took how long`, 's', query(buckets(metric), '{{le}}'), {
      description,
      traces: true,
    }),
    timeseries(
      `${title}: p50, p95, p99`,
      's',
      shares.map((share) => query(quantile(share, metric), `p${share * 100}`)),
      { description: `${description} Of all chosen nodes together.`, thresholds: bad(0.5, 2), traces: true },
    ),
    ...labels.flatMap((label) =>
      shares.map((share) =>
        timeseries(
          `${title}: p${share * 100} by ${names[label]}`,
          's',
          query(quantile(share, metric, [label]), reported[label]),
          {
            description: `${description} ${share * 100} of a hundred took no longer, by ${names[label]}.`,
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
  description: 'How long people wait, and for what',
  rows: [
    rowOf(
      'Handshake',
      p.handshakeSeconds,
      ['mode'],
      'From accept to an accepted handshake: the way to the client and back, mostly. Slow for all: the host is busy.',
      'event-loop',
    ),
    rowOf(
      'Dial',
      p.dialSeconds,
      ['dc', 'pooled'],
      'From wanting a datacenter to having it; warm sockets take no time. Slow: the way from this host to it.',
      'datacenter-slow',
    ),
    rowOf(
      'First byte',
      p.firstByteSeconds,
      ['dc', 'mode'],
      'From the first byte of the client going up to the first byte coming down: above 2 s people notice, above 8 s they give up.',
      'stalled-sessions',
    ),
    rowOf(
      'Datacenter round trip',
      p.datacenterSeconds,
      ['dc'],
      'From req_pq_multi to resPQ, measured by the prober, day and night.',
      'datacenter-slow',
    ),
    {
      title: 'Beside it',
      panels: [
        timeseries('Handshakes', 'ops', query(sum(countRate(p.handshakeSeconds), 'mode'), '{{mode}}'), {
          description: 'How many were accepted, by mode, for whoever reads the figures above.',
        }),
        timeseries('Dials', 'ops', query(sum(countRate(p.dialSeconds), 'dc'), 'dc {{dc}}'), {
          description:
            'How many there were, warm sockets included. Whether they were warm is on the Datacenters dashboard.',
        }),
      ],
    },
  ],
}
