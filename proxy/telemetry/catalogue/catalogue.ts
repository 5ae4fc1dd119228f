import { failedMs, slowMs } from '../../events/outcome.ts'
import { clientMetrics } from './client-catalogue.ts'
import { findingMetrics } from './finding-catalogue.ts'
import { hostMetrics } from './host-catalogue.ts'
import type { Metric } from './metric.ts'
import { middleProxyMetrics } from './middle-proxy-catalogue.ts'
import { networkMetrics } from './network-catalogue.ts'
import { pipelineMetrics } from './pipeline-catalogue.ts'
import { upstreamMetrics } from './upstream-catalogue.ts'
import { userMetrics } from './user-catalogue.ts'

// 3 s and 5 s are the default timeouts.
const seconds = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1],
  ...[slowMs / 1000, 3, 5, failedMs / 1000, 15],
]

/**
 * Every metric that a node exports, defined once: the folds fill them, dashboards and alert rules import them. The metrics
 * that only the collector knows (users, days, alerts) are in `collector/read/metrics.ts`.
 */
export const metrics = {
  connectionsOpen: {
    name: 'mtscope_connections_open',
    kind: 'gauge',
    unit: '1',
    labels: ['mode', 'dc'],
    help: 'Connections that are open; mode and dc are "none" until the handshake is accepted.',
  },
  connectionsAccepted: {
    name: 'mtscope_connections_accepted_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Connections accepted by the proxy.',
  },
  connectionsClosed: {
    name: 'mtscope_connections_closed_total',
    kind: 'counter',
    unit: '1',
    labels: ['by', 'phase', 'reason', 'dc', 'mode'],
    help: 'Closed connections, by the side that ended them, phase and reason.',
  },
  connectionsSummarised: {
    name: 'mtscope_connections_summarised_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Connections of unauthenticated clients beyond UNAUTHENTICATED_EVENTS_PER_SECOND; every total includes them, but they have no events of their own.',
  },
  handshakesRejected: {
    name: 'mtscope_handshakes_rejected_total',
    kind: 'counter',
    unit: '1',
    labels: ['reason'],
    help: 'Handshakes that the proxy refused, by reason.',
  },
  signedRefused: {
    name: 'mtscope_signed_hellos_refused_total',
    kind: 'counter',
    unit: '1',
    labels: ['reason'],
    help: 'Signed ClientHellos that the proxy refused for a reason other than replay, clock skew, unanswered claim or timeout; normally 0.',
  },
  clientHellos: {
    name: 'mtscope_client_hellos_total',
    kind: 'counter',
    unit: '1',
    labels: ['ja4', 'outcome'],
    help: 'TLS hellos, by JA4 fingerprint and outcome (accepted, or the reason of the refusal); ja4 is "other" beyond the first 32 accepted and the first 32 refused fingerprints.',
  },
  handshakeSeconds: {
    name: 'mtscope_handshake_duration_seconds',
    kind: 'histogram',
    unit: 's',
    labels: ['mode'],
    help: 'Time from accept to an accepted handshake, in seconds.',
    buckets: seconds,
  },
  dialSeconds: {
    name: 'mtscope_dial_duration_seconds',
    kind: 'histogram',
    unit: 's',
    labels: ['dc', 'pooled'],
    help: 'Time to get a connection to a datacenter, in seconds; pooled="true" for one that was opened ahead of need.',
    buckets: seconds,
  },
  dialFailures: {
    name: 'mtscope_dial_failures_total',
    kind: 'counter',
    unit: '1',
    labels: ['dc', 'error'],
    help: 'Failed attempts to connect to an address of a datacenter.',
  },
  firstByteSeconds: {
    name: 'mtscope_first_byte_seconds',
    kind: 'histogram',
    unit: 's',
    labels: ['dc', 'mode'],
    help: 'Time from the first byte of the client’s request to the first byte of the datacenter’s answer, in seconds.',
    buckets: seconds,
  },
  ...clientMetrics,
  bytes: {
    name: 'mtscope_bytes_total',
    kind: 'counter',
    unit: 'By',
    labels: ['direction', 'dc'],
    help: 'Bytes relayed; dc is "none" for bytes between unauthenticated clients and the masking host.',
  },
  datacenterUp: {
    name: 'mtscope_datacenter_up',
    kind: 'gauge',
    unit: '1',
    labels: ['dc', 'family', 'media'],
    help: 'Whether any address of the datacenter answered its last probe (1) or not (0).',
  },
  datacenterSeconds: {
    name: 'mtscope_datacenter_rtt_seconds',
    kind: 'histogram',
    unit: 's',
    labels: ['dc', 'family', 'media'],
    help: 'Time from a probe’s req_pq_multi to the datacenter’s resPQ, in seconds.',
    buckets: seconds,
  },
  datacenterProbesFailed: {
    name: 'mtscope_datacenter_probes_failed_total',
    kind: 'counter',
    unit: '1',
    labels: ['dc', 'family', 'media', 'error'],
    help: 'Probes of datacenters without a resPQ, by error.',
  },
  ...middleProxyMetrics,
  ...upstreamMetrics,
  ...networkMetrics,
  replaysRefused: {
    name: 'mtscope_replays_refused_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Handshakes refused because they had been seen before.',
  },
  replayClaims: {
    name: 'mtscope_replay_claims_total',
    kind: 'counter',
    unit: '1',
    labels: ['outcome'],
    help: 'Claims to the shared replay cache, by outcome: new, seen, unanswered within 50 ms, or refused by Redis (READONLY, OOM, NOPERM …).',
  },
  userLeases: {
    name: 'mtscope_user_leases_total',
    kind: 'counter',
    unit: '1',
    labels: ['outcome'],
    help: 'Places for connections of users with limits that were asked for in Redis, by outcome: granted, user-connections, user-addresses, or unanswered (this node counts alone).',
  },
  replaysUnclaimed: {
    name: 'mtscope_replays_unclaimed_total',
    kind: 'counter',
    unit: '1',
    labels: ['action'],
    help: 'Handshakes that the shared replay cache did not answer for, by action: decided by the local cache, or refused.',
  },
  httpRefusals: {
    name: 'mtscope_http_refusals_total',
    kind: 'counter',
    unit: '1',
    labels: ['reason'],
    help: 'Requests to METRICS_PORT that got no answer, by reason: host (421), busy (503), method (405), malformed (400, 431), timeout, connections (no place), token (401), token-limit (429), origin (403).',
  },
  fronted: {
    name: 'mtscope_fronted_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Connections of unauthenticated clients forwarded to the masking host.',
  },
  limitRefused: {
    name: 'mtscope_limit_refused_total',
    kind: 'counter',
    unit: '1',
    labels: ['limit'],
    help: 'Connections refused because a limit was reached, by limit.',
  },
  pooledConnections: {
    name: 'mtscope_pool_sockets',
    kind: 'gauge',
    unit: '1',
    labels: [],
    help: 'Pooled connections to datacenters that wait for a client.',
  },
  internalErrors: {
    name: 'mtscope_internal_errors_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Exceptions in the proxy’s own code; one that belongs to a connection closes it with by="proxy", reason="internal".',
  },
  threadDeaths: {
    name: 'mtscope_relay_thread_deaths_total',
    kind: 'counter',
    unit: '1',
    labels: ['reason'],
    help: 'Relay threads that died, by reason; their connections were closed with by="proxy", reason="internal".',
  },
  eventsEmitted: {
    name: 'mtscope_events_emitted_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Events emitted by this process.',
  },
  eventsLost: {
    name: 'mtscope_events_lost_total',
    kind: 'counter',
    unit: '1',
    labels: ['reason'],
    help: 'Events lost because a limit was reached, by reason.',
  },
  spansExported: {
    name: 'mtscope_spans_exported_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Spans accepted by the trace backend.',
  },
  spansLost: {
    name: 'mtscope_spans_lost_total',
    kind: 'counter',
    unit: '1',
    labels: ['reason'],
    help: 'Spans lost, by reason: the queue was full, or the backend did not accept them.',
  },
  ...pipelineMetrics,
  ...userMetrics,
  ...hostMetrics,
  loopDelaySeconds: {
    name: 'mtscope_event_loop_delay_seconds',
    kind: 'gauge',
    unit: 's',
    labels: ['thread', 'percentile'],
    help: 'Duration of the turns of a thread’s event loop in the last sample, in seconds.',
  },
  loopUtilization: {
    name: 'mtscope_event_loop_utilization_ratio',
    kind: 'gauge',
    unit: '1',
    labels: ['thread'],
    help: 'Share of the last sample in which a thread’s event loop was busy, from 0 to 1.',
  },
  gcSeconds: {
    name: 'mtscope_gc_seconds_total',
    kind: 'counter',
    unit: 's',
    labels: [],
    help: 'Time all threads spent in garbage collection, in seconds.',
  },
  apiChanges: {
    name: 'mtscope_api_changes_total',
    kind: 'counter',
    unit: '1',
    labels: ['action'],
    help: 'Changes that requests of the HTTP API made at this node, by action.',
  },
  configReloads: {
    name: 'mtscope_config_reloads_total',
    kind: 'counter',
    unit: '1',
    labels: [],
    help: 'Reloads of the users.',
  },
  ...findingMetrics,
  buildInfo: {
    name: 'mtscope_build_info',
    kind: 'gauge',
    unit: '1',
    labels: ['version', 'node'],
    help: 'Always 1; the labels hold the version and the name of the node.',
  },
  startTime: {
    name: 'mtscope_start_time_seconds',
    kind: 'gauge',
    unit: 's',
    labels: [],
    help: 'Start time of the process, in seconds since 1970.',
  },
} as const satisfies Record<string, Metric>
