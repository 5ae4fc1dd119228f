import type { Metric } from './metric.ts'

/** Metrics of upstreams, absent with UPSTREAMS=direct; a part of the catalogue. A node has 16 upstreams at most. */
export const upstreamMetrics = {
  upstreamUp: {
    name: 'mtscope_upstream_up',
    kind: 'gauge',
    unit: '1',
    labels: ['upstream'],
    help: 'Whether any address of a datacenter answered its last dial or probe through the upstream (1); 0 also after three failures of the upstream itself.',
  },
  upstreamConnections: {
    name: 'mtscope_upstream_connections_total',
    kind: 'counter',
    unit: '1',
    labels: ['upstream'],
    help: 'Connections that reached their datacenter through the upstream.',
  },
  upstreamSeconds: {
    name: 'mtscope_upstream_dial_duration_seconds',
    kind: 'histogram',
    unit: 's',
    labels: ['upstream'],
    help: 'Time to connect to a datacenter through the upstream, its own handshake included, in seconds; without pooled connections.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1, 2, 5],
  },
  upstreamFailures: {
    name: 'mtscope_upstream_failures_total',
    kind: 'counter',
    unit: '1',
    labels: ['upstream', 'error'],
    help: 'Dials and probes that an upstream did not carry, by error: refused, timeout, login, denied, no-source, no-ports …',
  },
} as const satisfies Record<string, Metric>
