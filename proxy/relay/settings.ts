import type { Config } from '../config/config.ts'
import type { Address } from '../datacenter/directory.ts'
import type { UpstreamState } from '../datacenter/upstreams.ts'
import type { Mode } from '../events/contract.ts'
import type { ThreadSample } from '../host/event-loop.ts'
import type { MiddleProxies, OurAddress } from '../middle-proxy/directory.ts'
import type { ListenOn } from '../net/link.ts'
import type { Access } from '../networks/access.ts'
import type { ClaimAnswer } from '../replay-cache/redis.ts'
import type { CountsMemory } from '../user-limits/counts.ts'
import type { Lease } from '../user-limits/lease.ts'
import type { LimitedUser } from '../user-limits/limited-user.ts'
import type { RecordSizes } from '../wire/records.ts'
import type { Flight } from '../wire/server-hello.ts'

/** Settings of the configuration that relay threads use, in the units of `Config`: ms and bytes. */
export const relaySettingNames = [
  'portable',
  'modes',
  'blockedClients',
  'fastMode',
  'toClientBuffer',
  'toDatacenterBuffer',
  'dialTimeoutMs',
  'handshakeTimeoutMs',
  'firstByteTimeoutMs',
  'ackTimeoutMs',
  'notSentBytes',
  'clientMss',
  'idleTimeoutMs',
  'stallTimeoutMs',
  'clockSkewSeconds',
  'userDrainMs',
  // Of all threads together, counted in `capacity`; no more than the file descriptors allow.
  'maxConnections',
  'maxHandshakes',
  'addressWindowMs',
  'useMiddleProxy',
  'adTag',
  'middleProxyFallback',
  // This thread's share.
  'middleProxyConnections',
  'poolSize',
] as const satisfies readonly (keyof Config)[]

/** Start parameters of a relay thread: plain data, because it crosses threads. */
export type RelaySettings = Pick<Config, (typeof relaySettingNames)[number]> & {
  readonly worker: number
  readonly listeners: readonly RelayListener[]
  /** The limit behind `maxConnections`: the setting, or the available file descriptors. */
  readonly connectionLimit: 'connections' | 'file-descriptors'
  /** Congestion control of clients' connections; null: that of the host. */
  readonly congestion: string | null
  /** See `capacity.ts`. */
  readonly capacity: SharedArrayBuffer
  /** See `budget.ts`. */
  readonly budget: SharedArrayBuffer
  /** See `user-limits/counts.ts`. */
  readonly userCounts: CountsMemory
  /** Number of threads that share `userCounts`. */
  readonly workers: number
  /** See `prefixKey`; the same in all threads. */
  readonly prefixSeed: number
  /** This thread's share. */
  readonly eventBudget: EventBudget
  readonly replay: SharedArrayBuffer
  /** What happens to a handshake when the shared replay cache does not answer; null: there is no shared cache. */
  readonly sharedReplay: 'local' | 'refuse' | null
  /** Whether the events are shipped to Kafka. */
  readonly shipped: boolean
} & Changeable

/** Where clients connect, and what holds for those that connect there. */
export type RelayListener = {
  /** In events; null: there is one only. */
  readonly name: string | null
  /** Null: MODES. */
  readonly modes: readonly Mode[] | null
  /** Some of the table of domains, the default first; null: all of it. */
  readonly domains: readonly string[] | null
  /** Networks whose PROXY protocol header is read; null: no header is expected. */
  readonly proxyProtocolFrom: readonly string[] | null
  /** For each thread. */
  readonly places: readonly (readonly ListenOn[])[]
}

/** Unauthenticated connections whose events are logged one by one. */
export type EventBudget = { readonly perSecond: number; readonly burst: number }

/** Settings that can change while connections run: by SIGHUP, by the prober, by a new measurement, by what Telegram publishes, at midnight. */
export type Changeable = {
  readonly users: readonly RelayUser[]
  /** Directory id → addresses, best first; IP addresses only. */
  readonly directory: ReadonlyMap<number, readonly Address[]>
  /** Null: nothing is known of the middle proxies yet, or they are not used. */
  readonly middleProxies: MiddleProxies | null
  readonly ourAddress: OurAddress
  readonly domains: Domains
  /** The upstreams of UPSTREAMS in their order, with their states; null with UPSTREAMS=direct. */
  readonly upstreams: readonly UpstreamState[] | null
  readonly access: Access
  /** Key of the client hashes, for one day. */
  readonly addressKey: Uint8Array
}

/** `host` may be the path of a Unix socket. `proxyProtocol`: it gets the client's address in a header before all bytes. */
export type MaskingHost = Address & { readonly proxyProtocol?: boolean }

/** A name that fake TLS uses, and the web site behind it. */
export type Domain = {
  /** Empty only if MODES lacks `tls`. */
  readonly name: string
  /** The masking host; null: unauthenticated clients are not forwarded. */
  readonly mask: MaskingHost | null
  readonly flight: Flight
  readonly records: RecordSizes
}

/** The first is the default: for clients that name none of them. */
export type Domains = readonly [Domain, ...Domain[]]

export type RelayUser = {
  readonly name: string
  readonly secret: Uint8Array
  /** Absent: the user has no limits. */
  readonly limited?: LimitedUser | undefined
  /** 32 hex digits, in place of AD_TAG; null: no tag; absent: AD_TAG. */
  readonly adTag?: string | null | undefined
}

/** Main thread → worker. */
export type ToWorker =
  | { type: 'change'; change: Partial<Changeable> }
  /** The main thread took a batch. */
  | { type: 'taken' }
  | { type: 'sample' }
  /** Stops accepting; connections may end by themselves for `ms`. */
  | { type: 'drain'; ms: number }
  | { type: 'claimed'; id: number; answer: ClaimAnswer }

/** Worker → main thread. */
export type FromWorker =
  /** A byte written to the descriptor `waker` makes the thread read its messages immediately. Null: it always does. */
  | {
      type: 'listening'
      engine: 'native' | 'portable'
      waker: number | null
      congestion?: string
    }
  | { type: 'failed'; message: string }
  /** JSON of an array of `count` events; `lost` events before them were dropped. */
  | { type: 'events'; text: string; count: number; lost: number }
  | { type: 'sample'; open: number; pooled: number; sample: ThreadSample }
  | { type: 'claim'; id: number; digest: string; connection: string; lease: Lease | null }
  /** The first signed hello of a class for a domain; see `classOf` and `templateOf`. */
  | { type: 'hello'; domain: string; kind: string; template: Uint8Array }
  | { type: 'drained' }
  | { type: 'fault' | 'warning'; message: string }
