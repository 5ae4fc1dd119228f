import { failedMs, slowMs } from '../../events/outcome.ts'
import { findingMetrics } from './finding-catalogue.ts'
import { hostMetrics } from './host-catalogue.ts'

/**
 * Every metric of this node, named once: the fold fills them, dashboards and alert rules import them. Names are as
 * Prometheus sees them. What only the collector's fold knows (users, days, alerts) is in its own catalogue.
 */
export type Metric = {
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  /** UCUM: seconds, bytes, or a plain number. */
  readonly unit: 's' | 'By' | '1'
  readonly labels: readonly string[]
  readonly help: string
  /** Upper bounds of a histogram, rising, in `unit`. */
  readonly buckets?: readonly number[]
}

// 3 s and 5 s are the default time-outs.
const seconds = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1],
  ...[slowMs / 1000, 3, 5, failedMs / 1000, 15],
]

export const metrics = {
  connectionsOpen: {
    name: 'mtscope_connections_open',
    kind: 'gauge',
    unit: '1',
    labels: ['mode', 'dc'],
    help: 'Connections open now; mode and dc are "none" until the handshake was accepted',
  },
  connectionsAccepted: {
    name: 'mtscope_connections_accepted_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Connections accepted from the listener',
  },
  connectionsClosed: {
    name: 'mtscope_connections_closed_total',
    kind: 'counter',
    unit: '1',
    labels: ['by', 'phase', 'reason', 'dc', 'mode'],
    help: 'Connections closed: who ended it, in which phase, and why',
  },
  connectionsSummarised: {
    name: 'mtscope_connections_summarised_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Connections of unauthenticated clients beyond UNAUTHENTICATED_EVENTS_PER_SECOND: in all totals, without events of their own',
  },
  handshakesRejected: {
    name: 'mtscope_handshakes_rejected_total',
    kind: 'counter',
    unit: '1',
    labels: ['reason'],
    help: 'Handshakes that were not a client of ours',
  },
  signedRefused: {
    name: 'mtscope_signed_hellos_refused_total',
    kind: 'counter',
    unit: '1',
    labels: ['reason'],
    help: 'ClientHellos that a user signed and that were refused, but for replays, wrong clocks, unanswered claims and silence: should be 0',
  },
  clientHellos: {
    name: 'mtscope_client_hellos_total',
    kind: 'counter',
    unit: '1',
    labels: ['ja4', 'outcome'],
    help: 'TLS hellos by their JA4 fingerprint and what became of them: accepted, or the reason of the refusal; ja4 is "other" beyond the 32 first that were accepted and the 32 first that never were',
  },
  handshakeSeconds: {
    name: 'mtscope_handshake_duration_seconds',
    kind: 'histogram',
    unit: 's',
    labels: ['mode'],
    help: 'From accept to an accepted handshake',
    buckets: seconds,
  },
  dialSeconds: {
    name: 'mtscope_dial_duration_seconds',
    kind: 'histogram',
    unit: 's',
    labels: ['dc', 'pooled'],
    help: 'From wanting a datacenter to having a connection to it; pooled ones were warm',
    buckets: seconds,
  },
  dialFailures: {
    name: 'mtscope_dial_failures_total',
    kind: 'counter',
    unit: '1',
    labels: ['dc', 'error'],
    help: 'Attempts to reach an address of a datacenter that failed',
  },
  firstByteSeconds: {
    name: 'mtscope_first_byte_seconds',
    kind: 'histogram',
    unit: 's',
    labels: ['dc', 'mode'],
    help: 'From the first byte of the client going up to the first byte of the datacenter coming down',
    buckets: seconds,
  },
  bytes: {
    name: 'mtscope_bytes_total',
    kind: 'counter',
    unit: 'By',
    labels: ['direction', 'dc'],
    help: 'Bytes relayed; dc is "none" for what strangers exchanged with the masking host',
  },
  datacenterUp: {
    name: 'mtscope_datacenter_up',
    kind: 'gauge',
    unit: '1',
    labels: ['dc', 'family', 'media'],
    help: 'Whether any address answered its last req_pq_multi',
  },
  datacenterSeconds: {
    name: 'mtscope_datacenter_rtt_seconds',
    kind: 'histogram',
    unit: 's',
    labels: ['dc', 'family', 'media'],
    help: 'From req_pq_multi to resPQ, measured by the prober',
    buckets: seconds,
  },
  datacenterProbesFailed: {
    name: 'mtscope_datacenter_probes_failed_total',
    kind: 'counter',
    unit: '1',
    labels: ['dc', 'family', 'media', 'error'],
    help: 'Probes that got no resPQ',
  },
  replaysRefused: {
    name: 'mtscope_replays_refused_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Handshakes that had been seen before',
  },
  replayClaims: {
    name: 'mtscope_replay_claims_total',
    kind: 'counter',
    unit: '1',
    labels: ['outcome'],
    help: 'Handshakes asked of the shared replay cache: new, seen, unanswered within 50 ms, or refused (READONLY, OOM, NOPERM …)',
  },
  replaysUnclaimed: {
    name: 'mtscope_replays_unclaimed_total',
    kind: 'counter',
    unit: '1',
    labels: ['action'],
    help: 'Handshakes that the shared replay cache did not answer for: the local one was trusted, or they were refused',
  },
  fronted: {
    name: 'mtscope_fronted_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Strangers spliced to the masking host',
  },
  limitRefused: {
    name: 'mtscope_limit_refused_total',
    kind: 'counter',
    unit: '1',
    labels: ['limit'],
    help: 'Connections refused because a limit was reached',
  },
  pooledConnections: {
    name: 'mtscope_pool_sockets',
    kind: 'gauge',
    unit: '1',
    labels: [],
    help: 'Warm connections to datacenters that wait for a client',
  },
  internalErrors: {
    name: 'mtscope_internal_errors_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: "Exceptions of the proxy's own code; each that belongs to a connection closes it as proxy/internal",
  },
  eventsEmitted: {
    name: 'mtscope_events_emitted_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Facts that this process has told',
  },
  eventsLost: {
    name: 'mtscope_events_lost_total',
    kind: 'counter',
    unit: '1',
    labels: ['reason'],
    help: 'Facts given up because a bound was reached',
  },
  spansExported: {
    name: 'mtscope_spans_exported_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Spans that the trace backend took',
  },
  spansLost: {
    name: 'mtscope_spans_lost_total',
    kind: 'counter',
    unit: '1',
    labels: ['reason'],
    help: 'Spans given up: the queue was full, or the backend did not take them',
  },
  shipped: {
    name: 'mtscope_events_shipped_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Facts that Kafka has acknowledged',
  },
  shipRows: {
    name: 'mtscope_ship_waiting_rows',
    kind: 'gauge',
    unit: '1',
    labels: [],
    help: 'Rows of the local log that wait for Kafka',
  },
  shipLagSeconds: {
    name: 'mtscope_ship_lag_seconds',
    kind: 'gauge',
    unit: 's',
    labels: [],
    help: 'Age of the oldest fact that Kafka has not acknowledged; 0 when it has all',
  },
  kafkaUp: {
    name: 'mtscope_kafka_up',
    kind: 'gauge',
    unit: '1',
    labels: [],
    help: 'Whether Kafka took what this node sent it last',
  },
  kafkaFailures: {
    name: 'mtscope_kafka_failures_total',
    kind: 'counter',
    unit: '1',
    labels: ['reason'],
    help: 'Tries to send to Kafka that failed, each of which is tried again',
  },
  logBytes: {
    name: 'mtscope_log_size_bytes',
    kind: 'gauge',
    unit: 'By',
    labels: [],
    help: 'Size of the local log on disk',
  },
  ...hostMetrics,
  loopDelaySeconds: {
    name: 'mtscope_event_loop_delay_seconds',
    kind: 'gauge',
    unit: 's',
    labels: ['thread', 'percentile'],
    help: 'How long turns of a thread’s event loop took in the last sample',
  },
  loopUtilization: {
    name: 'mtscope_event_loop_utilization_ratio',
    kind: 'gauge',
    unit: '1',
    labels: ['thread'],
    help: 'Share of time a thread’s event loop was busy in the last sample',
  },
  gcSeconds: {
    name: 'mtscope_gc_seconds_total',
    kind: 'counter',
    unit: 's',
    labels: [],
    help: 'Time spent in garbage collection by all threads',
  },
  configReloads: {
    name: 'mtscope_config_reloads_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Times that users were read again',
  },
  ...findingMetrics,
  buildInfo: {
    name: 'mtscope_build_info',
    kind: 'gauge',
    unit: '1',
    labels: ['version', 'node'],
    help: 'Always 1; its labels say what runs here',
  },
  startTime: {
    name: 'mtscope_start_time_seconds',
    kind: 'gauge',
    unit: 's',
    labels: [],
    help: 'When the process started, seconds since 1970',
  },
} as const satisfies Record<string, Metric>
