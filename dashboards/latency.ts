import { metrics as p } from '../proxy/telemetry/catalogue.ts'
import { type Board, bad, heatmap, query, timeseries } from './panels.ts'
import { buckets, quantile, rate, sum } from './queries.ts'

const shares = [0.5, 0.95, 0.99] as const

const rowOf = (
  title: string,
  metric:
    | typeof p.handshakeSeconds
    | typeof p.dialSeconds
    | typeof p.firstByteSeconds
    | typeof p.datacenterSeconds,
  by: 'mode' | 'dc' | 'pooled',
  description: string,
  runbook: string,
) => ({
  title,
  panels: [
    heatmap(`${title}: how many took how long`, 's', query(buckets(metric), '{{le}}'), {
      description,
      width: 12 as const,
      traces: true as const,
    }),
    timeseries(
      `${title}: p50, p95, p99`,
      's',
      shares.map((share) => query(quantile(share, metric), `p${share * 100}`)),
      { description: `${description} Of all chosen nodes together.`, thresholds: bad(0.5, 2), traces: true },
    ),
    timeseries(`${title}: p99 by ${by}`, 's', query(quantile(0.99, metric, [by as never]), `{{${by}}}`), {
      description: `${description} The slowest hundredth, by ${by}.`,
      thresholds: bad(0.5, 2),
      runbook,
    }),
    timeseries(`${title}: p50 by ${by}`, 's', query(quantile(0.5, metric, [by as never]), `{{${by}}}`), {
      description: `${description} The one in the middle, by ${by}.`,
      runbook,
    }),
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
      'mode',
      'From accept to an accepted handshake: the way to the client and back, mostly. Slow for all: the host is busy.',
      'event-loop',
    ),
    rowOf(
      'Dial',
      p.dialSeconds,
      'dc',
      'From wanting a datacenter to having it; warm sockets take no time. Slow: the way from this host to it.',
      'datacenter-slow',
    ),
    rowOf(
      'First byte',
      p.firstByteSeconds,
      'dc',
      'From the first byte of the client going up to the first byte coming down: above 2 s people notice, above 8 s they give up.',
      'stalled-sessions',
    ),
    rowOf(
      'Datacenter round trip',
      p.datacenterSeconds,
      'dc',
      'From req_pq_multi to resPQ, measured by the prober, day and night.',
      'datacenter-slow',
    ),
    {
      title: 'Beside it',
      panels: [
        timeseries(
          'Dials that found a warm socket',
          'percentunit',
          query(
            `${sum(`rate(${p.dialSeconds.name}_count{instance=~"$node",pooled="true"}[$__rate_interval])`, 'dc')} / ${sum(`rate(${p.dialSeconds.name}_count{instance=~"$node"}[$__rate_interval])`, 'dc')}`,
            'dc {{dc}}',
          ),
          {
            description: 'The higher, the less people wait. Low at a steady rate: raise MAX_CONNS_IN_POOL.',
            max: 1,
          },
        ),
        timeseries('Handshakes', 'ops', query(sum(rate(p.connectionsAccepted), 'instance'), '{{instance}}'), {
          description: 'How many there were, for whoever reads the figures above.',
        }),
      ],
    },
  ],
}
