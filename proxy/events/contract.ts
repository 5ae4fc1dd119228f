// Every event that mtscope can emit. Events are self-contained (a close carries its own mode, datacenter and user), so a
// projection can count them in any order. A shipped version never changes: a new shape is a new `v` in `upcast.ts`.

import type { ApiAction } from './api-action.ts'
import type { Event } from './envelope.ts'
import type { RefusedHeaders } from './header-refusal.ts'
import type { DocumentRead, MiddleProxyFailure, MiddleProxyProbe } from './middle-proxy.ts'
import type { NetworksLoaded } from './networks.ts'
import type { ClientPath, DeathReason, DialError, Family, LossReason, ProcessSample } from './sample.ts'
import type { GroupCount, Summary } from './summary.ts'
import type { CloseReason, Direction, Limit, Mode, Phase, RejectReason, Side, Transport } from './terms.ts'
import type { DialFailure, UpstreamFailure } from './upstream.ts'
import type { UserEvent } from './user-event.ts'

export type { MiddleProxyDocument, ReadError } from './middle-proxy.ts'
export type { NetworkList } from './networks.ts'
export type { DialError, Family, LossReason } from './sample.ts'
export type { CloseReason, Direction, Limit, Mode, Phase, RejectReason, Side, Transport } from './terms.ts'
export type { UpstreamError } from './upstream.ts'
export type { UsersProblem } from './user-event.ts'

/** An event of one connection. `connection` is its trace id (32 hex digits); the last 16 digits are the id of its root span. */
type OfConnection<F extends object> = { connection: string } & F

/** What an accepted handshake determines. */
export type Session = { mode: Mode; user: string; dc: number; media: boolean }

export type ConnectionEvent =
  | Event<
      'connection.accepted',
      1,
      OfConnection<{
        /** /24 or /48 of the client's address, as `203.0.113.0/24`. */
        prefix: string
        /** HMAC of the full address with a key that is replaced every day: 16 hex digits. */
        client: string
        family: Family
        worker: number
        /** The name of the listener in LISTEN; absent where MTPROTO_PORT is the only one. */
        listener?: string
      }>
    >
  | Event<
      'handshake.accepted',
      1,
      OfConnection<
        Session & {
          transport: Transport
          /** Since `connection.accepted`. */
          elapsedMs: number
          /** The digest that the replay cache keeps: 32 hex digits. */
          digest: string
          client: string
          /** tls only: the clock of the client minus ours. */
          skewSeconds?: number
          /** tls only: JA4 fingerprint of the ClientHello. */
          ja4?: string
        }
      >
    >
  | Event<
      'handshake.rejected',
      1,
      OfConnection<{
        reason: RejectReason
        elapsedMs: number
        /** Whether the connection is forwarded to the masking host. */
        fronted: boolean
        client: string
        skewSeconds?: number
        ja4?: string
        user?: string
      }>
    >
  | Event<
      'datacenter.dialed',
      1,
      OfConnection<
        Session & {
          /** `host:port`. */
          address: string
          family: Family
          /** Whether a pooled connection was used; `elapsedMs` is then about 0. */
          pooled: boolean
          elapsedMs: number
          /** Absent for a connection of our own to the datacenter. */
          via?: 'middle-proxy'
          /** USE_MIDDLE_PROXY is on, and no middle proxy of the datacenter worked: MIDDLE_PROXY_FALLBACK=direct. */
          fallback?: true
          /** The name of the upstream that it goes through, as `socks5-1`; absent with UPSTREAMS=direct. */
          upstream?: string
        }
      >
    >
  | Event<'datacenter.dial-failed', 1, DialFailure>
  | Event<'middle-proxy.failed', 1, MiddleProxyFailure>
  | Event<'upstream.failed', 1, UpstreamFailure>
  | Event<
      'connection.first-byte',
      1,
      OfConnection<
        Session & {
          direction: Direction
          sinceAcceptedMs: number
          /** to-client only: since the client's first byte went to the datacenter. Apps open connections early: only this measures an answer. */
          sinceRequestMs?: number
        }
      >
    >
  | Event<
      'connection.progress',
      1,
      OfConnection<
        Session & {
          /** Since the last `connection.progress` of this connection. */
          bytesToClient: number
          bytesToDatacenter: number
        } & ClientPath
      >
    >
  | Event<
      'connection.closed',
      1,
      OfConnection<
        Partial<Session> & {
          by: Side
          phase: Phase
          reason: CloseReason
          /** Of the whole connection. In phase `fronting`: from and to the masking host. */
          bytesToClient: number
          bytesToDatacenter: number
          /** The part of them that no `connection.progress` has reported. */
          untoldToClient: number
          untoldToDatacenter: number
          durationMs: number
          listener?: string
        } & ClientPath
      >
    >

/** Rejected handshakes with the same reason, fronting, fingerprint and user. */
export type RefusalCount = {
  reason: RejectReason
  fronted: boolean
  count: number
  /** `other` after the first 16 fingerprints of a summary. */
  ja4?: string
  /** The user whose secret signed the hello; `other` after the first 64 users of a summary. */
  user?: string
  /** The sum, each counted as 86400 at most. Either all of them are positive, or none is. */
  skewSeconds?: number
  /** Only for `replayed` and `clock-skew`. */
  groups?: readonly GroupCount[]
}
/** Closed connections with the same side, phase and reason. */
export type CloseCount = {
  by: Side
  phase: Phase
  reason: CloseReason
  count: number
  bytesToClient: number
  bytesToDatacenter: number
}

export type ProcessEvent =
  | Event<'process.started', 1, { version: string; settings: Readonly<Record<string, string>> }>
  | Event<'process.stopped', 1, { reason: string }>
  | Event<'process.sampled', 1, ProcessSample>
  | Event<
      'datacenter.probed',
      1,
      {
        dc: number
        media: boolean
        family: Family
        address: string
        /** `tcpMs` and `resPqMs` are absent when `error` is present. */
        tcpMs?: number
        /** `req_pq_multi` → `resPQ` round trip. */
        resPqMs?: number
        error?: DialError
        upstream?: string
      }
    >
  | Event<'middle-proxy.probed', 1, MiddleProxyProbe>
  | Event<'middle-proxies.read', 1, DocumentRead>
  | Event<'networks.loaded', 1, NetworksLoaded>
  /** Connections closed for their PROXY protocol header; as often as `limit.refused`. */
  | Event<'header.refused', 1, RefusedHeaders>
  /** Connections that a limit refused. At most one event a second for each limit and worker; one in 16 s while it lasts. */
  | Event<'limit.refused', 1, { limit: Limit; count: number; worker: number }>
  /**
   * Handshakes whose claim the shared replay cache did not answer in time. `local`: the cache of this machine decided;
   * `refuse`: they were rejected. At most one event a second for each worker; one in 16 s while it lasts.
   */
  | Event<'replay.unclaimed', 1, { count: number; action: 'local' | 'refuse'; worker: number }>
  /**
   * Connections of unauthenticated clients beyond UNAUTHENTICATED_EVENTS_PER_SECOND. They have no other event, so totals
   * are the sum of both. Each worker emits at most one in 10 s to a minute.
   */
  | Event<
      'connections.summarised',
      1,
      Summary & { refusals: readonly RefusalCount[]; closes: readonly CloseCount[] }
    >
  /** Exceptions in our own code. One that concerns a connection closes it as `internal`. At most one event a second for each thread. */
  | Event<'process.faulted', 1, { thread: string; count: number }>
  /** A relay thread died, and each of its `connections` was closed as `internal`. Another thread takes its place. */
  | Event<'thread.died', 1, { worker: number; reason: DeathReason; connections: number }>
  /** A gap in the history: `count` sequence numbers without an event. */
  | Event<'events.lost', 1, { reason: LossReason; count: number }>
  /** A request of the HTTP API changed something. `target` is a user or a node; `by` is the name of the token. */
  | Event<'api.changed', 1, { action: ApiAction; target: string; by: string }>
  | Event<'config.reloaded', 1, { users: number; added: readonly string[]; removed: readonly string[] }>

type AlertFields = {
  rule: string
  subject: string
  value: number
  baseline: number
  since: number
  summary: string
}

/** Sent to the topic `mtscope.alerts`. */
export type AlertEvent = Event<'alert.raised', 1, AlertFields> | Event<'alert.cleared', 1, AlertFields>

export type ProxyEvent = ConnectionEvent | ProcessEvent | UserEvent
export type MtscopeEvent = ProxyEvent | AlertEvent
export type EventType = MtscopeEvent['type']

/** The emitter and the number of an event. `boot` is new at every start, so `(node, boot, seq)` identifies an event permanently. */
export type Position = { readonly node: string; readonly boot: string; readonly seq: number }

/** An event as a reader of the event log gets it. */
export type Logged<E extends MtscopeEvent = MtscopeEvent> = E & Position

/**
 * Consecutive events of one emitter; `seq` is that of the first. A batch is one row of the event log, one Kafka message
 * and one JSON text, which makes events cheap.
 */
export type Batch<E extends MtscopeEvent = ProxyEvent> = Position & { readonly events: readonly E[] }

/** Takes an event: synchronous, and cannot fail. */
export type Emit = (event: ProxyEvent) => void
