/**
 * The contract: every fact that can leave mtscope, and nothing else. It imports nothing of ours but `sample.ts`.
 *
 * Facts are self-contained: a close names its own mode, datacenter and user, so that every projection is a
 * fold over single events and can be counted in any order, in memory or in Redis.
 * A shipped version never changes: a new shape is a new `v` and a line in `upcast.ts`.
 */

import type { ProcessSample } from './sample.ts'

export type Mode = 'classic' | 'secure' | 'tls'
export type Transport = 'abridged' | 'intermediate' | 'padded-intermediate'
/** OpenTelemetry's `network.type`. */
export type Family = 'ipv4' | 'ipv6'

/** Who ended it, and in which phase of its life: two closed axes, as HAProxy's termination state. */
export type Side = 'client' | 'datacenter' | 'proxy'
export type Phase = 'hello' | 'dial' | 'waiting' | 'relaying' | 'fronting'

/** Why a stranger is not a client. Each is counted, and visible on the status page. */
export type RejectReason =
  | 'bad-digest' // a ClientHello that no user's secret signed
  | 'unknown-user' // an obfuscated payload that no user's secret opens
  | 'unknown-sni' // a signed ClientHello for another name than TLS_DOMAIN
  | 'mode-off' // a right secret in a mode that MODES leaves out
  | 'unknown-dc' // a right secret that asks for a datacenter nobody knows
  | 'clock-skew' // a signed ClientHello from another time
  | 'replayed' // seen before
  | 'unclaimed' // Redis did not say in time whether it was seen, and REPLAY_ON_REDIS_LOSS=refuse
  | 'malformed-hello' // TLS, but no ClientHello as RFC 8446 demands, and no user's secret signed it
  | 'not-mtproto' // plain HTTP, a scan, garbage
  | 'timeout' // silent for CLIENT_FIRST_BYTE_TIMEOUT, or stopped for CLIENT_HANDSHAKE_TIMEOUT

export type CloseReason =
  | RejectReason
  | 'done' // an orderly end
  | 'reset' // RST or a broken pipe
  | 'refused' // no address of the datacenter took the connection
  | 'idle' // nothing either way for the idle time, nothing owed
  | 'stalled' // the client sent, nothing came down
  | 'limit'
  | 'drain'
  | 'internal' // a fault of our own code

/** Why a dial or a probe failed, from the kernel's errno. */
export type DialError =
  | 'refused'
  | 'timeout'
  | 'unreachable'
  | 'reset'
  | 'no-descriptors'
  | 'protocol'
  | 'other'

export type Direction = 'to-client' | 'to-datacenter'
/** `strangers`: no clients, beyond half of the connections, or silent and of a prefix with more than its share of places. */
export type Limit = 'connections' | 'handshakes' | 'strangers' | 'file-descriptors'
/** `unreadable`: a stored fact of a type, version or shape that this program does not know. */
export type LossReason = 'worker-queue' | 'log-full' | 'log-bounds' | 'unreadable'

/** What every fact carries in memory; `node`, `boot` and `seq` are the log's to give (see `Logged`). */
type Envelope<T extends string, V extends number> = {
  readonly v: V
  readonly type: T
  /** Epoch, ms. */
  readonly at: number
}

export type Event<T extends string, V extends number, F extends object> = Envelope<T, V> & Readonly<F>

/** A fact about one connection. The id is its trace id (32 hex digits); its root span id is the last 16 of them. */
type OfConnection<F extends object> = { connection: string } & F

/** What is known of a session once its handshake was accepted. */
export type Session = { mode: Mode; user: string; dc: number; media: boolean }

export type ConnectionEvent =
  | Event<
      'connection.accepted',
      1,
      OfConnection<{
        /** /24 or /48 of the client's address, as `203.0.113.0/24`. */
        prefix: string
        /** HMAC of the full address under a key that lives one day: 16 hex digits. */
        client: string
        family: Family
        worker: number
      }>
    >
  | Event<
      'handshake.accepted',
      1,
      OfConnection<
        Session & {
          transport: Transport
          /** From accept to here. */
          elapsedMs: number
          /** What the replay cache remembers of it: 32 hex digits. */
          digest: string
          client: string
          /** tls only: the client's clock less ours. */
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
        /** Whether it was spliced to the masking host. */
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
          /** Whether a warm socket was at hand; elapsedMs is then the wait, about 0. */
          pooled: boolean
          elapsedMs: number
        }
      >
    >
  | Event<
      'datacenter.dial-failed',
      1,
      {
        /** Absent when a warm socket failed to connect. */
        connection?: string
        dc: number
        media: boolean
        address: string
        family: Family
        error: DialError
        elapsedMs: number
      }
    >
  | Event<
      'connection.first-byte',
      1,
      OfConnection<
        Session & {
          direction: Direction
          sinceAcceptedMs: number
          /** to-client only: since the client's first byte went up. A pre-opened idle socket makes the other meaningless. */
          sinceRequestMs?: number
        }
      >
    >
  | Event<
      'connection.progress',
      1,
      OfConnection<
        Session & {
          /** Since the last progress of this connection. */
          bytesToClient: number
          bytesToDatacenter: number
        }
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
          /** Of the whole connection; in phase `fronting` they are bytes from and to the masking host. */
          bytesToClient: number
          bytesToDatacenter: number
          /** The part of them that no `connection.progress` has told. */
          untoldToClient: number
          untoldToDatacenter: number
          durationMs: number
        }
      >
    >

export type PrefixCount = { prefix: string; count: number }
/** Client hashes that are alike in a few bits, 0 to 63: the number of groups estimates the number of clients. */
export type GroupCount = { group: number; count: number }
/** Handshakes rejected alike. */
export type RefusalCount = {
  reason: RejectReason
  fronted: boolean
  count: number
  /** `other` beyond the first 16 of a summary. */
  ja4?: string
  /** Whose secret had signed; `other` beyond the first 64 of a summary. */
  user?: string
  /** Their sum, 86400 of each at most; all of them positive, or none. */
  skewSeconds?: number
  /** Of `replayed` and `clock-skew`. */
  groups?: readonly GroupCount[]
}
/** Connections closed alike. */
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
        /** Both absent when `error` is there. */
        tcpMs?: number
        /** `req_pq_multi` → `resPQ` round trip. */
        resPqMs?: number
        error?: DialError
      }
    >
  /** At most one a second for each limit and worker; while it goes on, one in 16 s. */
  | Event<'limit.refused', 1, { limit: Limit; count: number; worker: number }>
  /**
   * Handshakes that the shared replay cache did not answer for in time: the local one alone was trusted, or they were
   * refused. At most one a second for each worker; while it goes on, one in 16 s.
   */
  | Event<'replay.unclaimed', 1, { count: number; action: 'local' | 'refuse'; worker: number }>
  /**
   * Connections of unauthenticated clients beyond the budget of UNAUTHENTICATED_EVENTS_PER_SECOND: no other event
   * describes what is counted here, so totals are the sum of both. One in 10 s to a minute for each worker at most.
   */
  | Event<
      'connections.summarised',
      1,
      {
        worker: number
        /** From the first connection in it to `at`. */
        intervalMs: number
        accepted: number
        /** The networks that most of `accepted` came from, 16 at most; the rest is not named. */
        prefixes: readonly PrefixCount[]
        refusals: readonly RefusalCount[]
        closes: readonly CloseCount[]
      }
    >
  /** Exceptions of our own code; those of a connection have closed it as `internal`. At most one a second for each thread. */
  | Event<'process.faulted', 1, { thread: string; count: number }>
  /** A hole in history: `count` sequence numbers that no event will ever fill. */
  | Event<'events.lost', 1, { reason: LossReason; count: number }>
  | Event<'config.reloaded', 1, { users: number; added: readonly string[]; removed: readonly string[] }>

type AlertFields = {
  rule: string
  subject: string
  value: number
  baseline: number
  since: number
  summary: string
}

/** Topic `mtscope.alerts`. */
export type AlertEvent = Event<'alert.raised', 1, AlertFields> | Event<'alert.cleared', 1, AlertFields>

export type ProxyEvent = ConnectionEvent | ProcessEvent
export type MtscopeEvent = ProxyEvent | AlertEvent
export type EventType = MtscopeEvent['type']

/** Who said it, and as which of its facts. `boot` is new at every start, so `(node, boot, seq)` names a fact for ever. */
export type Position = { readonly node: string; readonly boot: string; readonly seq: number }

/** A fact as a reader of the log sees it. */
export type Logged<E extends MtscopeEvent = MtscopeEvent> = E & Position

/**
 * What travels and is stored: facts of one emitter in a row. `seq` is that of the first; the others follow without a
 * hole. One row, one Kafka message, one JSON text for many facts is what makes them cheap.
 */
export type Batch<E extends MtscopeEvent = ProxyEvent> = Position & { readonly events: readonly E[] }

/** Takes a fact, at once and without failing. */
export type Emit = (event: ProxyEvent) => void
