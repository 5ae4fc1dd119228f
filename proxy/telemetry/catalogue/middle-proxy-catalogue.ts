import type { Metric } from './metric.ts'

/** Metrics of the middle proxies; a part of the catalogue. They have no series while USE_MIDDLE_PROXY is false. */
export const middleProxyMetrics = {
  middleProxyUp: {
    name: 'mtscope_middle_proxy_up',
    kind: 'gauge',
    unit: '1',
    labels: ['dc', 'family', 'media'],
    help: 'Whether any middle proxy of the datacenter answered its last probe (1) or not (0).',
  },
  middleProxySeconds: {
    name: 'mtscope_middle_proxy_rtt_seconds',
    kind: 'histogram',
    unit: 's',
    labels: ['dc', 'family', 'media'],
    help: 'Time from a probe’s ping to the middle proxy’s pong, in seconds.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1, 2, 5],
  },
  middleProxyProbesFailed: {
    name: 'mtscope_middle_proxy_probes_failed_total',
    kind: 'counter',
    unit: '1',
    labels: ['dc', 'family', 'media', 'error'],
    help: 'Probes of middle proxies without a pong, by error.',
  },
  middleProxyConnections: {
    name: 'mtscope_middle_proxy_connections_total',
    kind: 'counter',
    unit: '1',
    labels: ['dc'],
    help: 'Connections of clients that went through a middle proxy.',
  },
  middleProxyFailures: {
    name: 'mtscope_middle_proxy_failures_total',
    kind: 'counter',
    unit: '1',
    labels: ['dc', 'error'],
    help: 'Connections to middle proxies that failed or were lost, by error.',
  },
  middleProxyFallbacks: {
    name: 'mtscope_middle_proxy_fallbacks_total',
    kind: 'counter',
    unit: '1',
    labels: ['dc'],
    help: 'Connections of clients that went to the datacenter directly because no middle proxy of it worked.',
  },
  middleProxyDocumentTime: {
    name: 'mtscope_middle_proxy_document_timestamp_seconds',
    kind: 'gauge',
    unit: 's',
    labels: ['document'],
    help: 'When the list (config, config-v6) or the secret of the middle proxies that is in use was downloaded, in seconds since 1970.',
  },
  middleProxyReadFailures: {
    name: 'mtscope_middle_proxy_read_failures_total',
    kind: 'counter',
    unit: '1',
    labels: ['document', 'error'],
    help: 'Downloads of the list (config, config-v6) or the secret of the middle proxies that are not in use, by error.',
  },
} as const satisfies Record<string, Metric>
