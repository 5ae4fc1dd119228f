import type { Metric } from './metric.ts'

/** Listeners, and the network between clients and proxy as the kernel measures it (TCP_INFO); a part of the catalogue. */
export const clientMetrics = {
  listenerAccepted: {
    name: 'mtscope_listener_accepted_total',
    kind: 'counter',
    unit: '1',
    labels: ['listener'],
    help: 'Accepted connections, by listener; only where LISTEN names them.',
  },
  listenerOpen: {
    name: 'mtscope_listener_open',
    kind: 'gauge',
    unit: '1',
    labels: ['listener'],
    help: 'Open connections, by listener, without summarised ones; only where LISTEN names them.',
  },
  headersRefused: {
    name: 'mtscope_proxy_headers_refused_total',
    kind: 'counter',
    unit: '1',
    labels: ['reason'],
    help: 'Connections closed for their PROXY protocol header, by reason: untrusted-source, bad-header, no-header (none in time).',
  },
  clientRttSeconds: {
    name: 'mtscope_client_rtt_seconds',
    kind: 'histogram',
    unit: 's',
    labels: ['mode'],
    help: 'Round trip to clients, every 10 s of a connection that moves bytes and at its close, in seconds; not with node:net.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5],
  },
  clientRetransmitRatio: {
    name: 'mtscope_client_retransmit_ratio',
    kind: 'histogram',
    unit: '1',
    labels: ['mode'],
    help: 'Share of the segments to a client that were retransmissions, from 0 to 1, at the close of its connection; not with node:net.',
    buckets: [0, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5],
  },
  clientDeliveryRate: {
    name: 'mtscope_client_delivery_bytes_per_second',
    kind: 'histogram',
    unit: 'By/s',
    labels: ['mode'],
    help: 'Rate at which the network delivers to a client that downloads faster than that, in bytes a second; not with node:net.',
    buckets: [8e3, 16e3, 32e3, 64e3, 125e3, 250e3, 500e3, 1e6, 2.5e6, 5e6, 12.5e6, 50e6, 125e6],
  },
} as const satisfies Record<string, Metric>
