import type { Metric } from './metric.ts'

/** Metrics of the event log, and of Kafka and Redis as this node sees them; a part of the catalogue. */
export const pipelineMetrics = {
  shipped: {
    name: 'mtscope_events_shipped_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Events acknowledged by Kafka.',
  },
  shipRows: {
    name: 'mtscope_ship_waiting_rows',
    kind: 'gauge',
    unit: '1',
    labels: [],
    help: 'Rows of the event log that wait for Kafka.',
  },
  shipLagSeconds: {
    name: 'mtscope_ship_lag_seconds',
    kind: 'gauge',
    unit: 's',
    labels: [],
    help: 'Age of the oldest event that Kafka has not acknowledged, in seconds; 0 when it has acknowledged all.',
  },
  kafkaUp: {
    name: 'mtscope_kafka_up',
    kind: 'gauge',
    unit: '1',
    labels: [],
    help: 'Whether Kafka accepted the last send of this node (1) or not (0).',
  },
  kafkaFailures: {
    name: 'mtscope_kafka_failures_total',
    kind: 'counter',
    unit: '1',
    labels: ['reason'],
    help: 'Failed sends to Kafka, by reason; each one is retried.',
  },
  redisRefusals: {
    name: 'mtscope_redis_refusals_total',
    kind: 'counter',
    unit: '1',
    labels: ['reason'],
    help: 'Error replies of Redis that refuse a command of the proxy, by reason (READONLY, OOM, NOPERM …); while it refuses, a probe adds one a second.',
  },
  logBytes: {
    name: 'mtscope_log_size_bytes',
    kind: 'gauge',
    unit: 'By',
    labels: [],
    help: 'Size of the event log on disk, in bytes.',
  },
} as const satisfies Record<string, Metric>
