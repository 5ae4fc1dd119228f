import type { Dialer } from '../../datacenter/dial.ts'
import type { Directory } from '../../datacenter/directory.ts'
import type { Pool } from '../../datacenter/pool.ts'
import type { Upstreams } from '../../datacenter/upstreams.ts'
import type {
  CloseReason,
  Emit,
  Limit,
  Phase,
  Session as SessionLabels,
  Side,
} from '../../events/contract.ts'
import type { HeaderRefusal } from '../../events/header-refusal.ts'
import type { MiddleProxies, OurAddress } from '../../middle-proxy/directory.ts'
import type { MiddlePool } from '../../middle-proxy/pool.ts'
import type { Dialing, Link, LinkError, Path } from '../../net/link.ts'
import type { IsBlocked } from '../../networks/access.ts'
import type { Claim as LocalClaim } from '../../replay-cache/memory.ts'
import type { UserCounts } from '../../user-limits/counts.ts'
import type { Rate } from '../../user-limits/rate.ts'
import type { Cipher } from '../../wire/cipher.ts'
import type { NamedClient } from '../../wire/proxy-protocol.ts'
import type { Fill } from '../../wire/random.ts'
import type { Pace, Unwrap } from '../../wire/records.ts'
import type { Budget } from '../budget.ts'
import type { Capacity } from '../capacity.ts'
import type { Ask } from '../claim-requests.ts'
import type { MaskingHost, RelaySettings } from '../settings.ts'
import type { Rules, SignedDetails, User } from './handshake.ts'
import type { Lookup } from './recent-users.ts'

/** What holds for the clients of one listener. */
export type Listener = {
  /** In events; null: there is one only. */
  readonly name: string | null
  rules: Rules
  /** Whether a client's address is that of a load balancer, whose PROXY protocol header is read; null: no header is expected. */
  readonly trusts: ((remote: Buffer) => boolean) | null
}

/** A client of a load balancer whose PROXY protocol header is not complete, or names no client. */
export type Arriving = {
  readonly relay: Relay
  readonly listener: Listener
  readonly client: Link
  readonly since: number
  received: Buffer | null
  /** By its header. */
  named: NamedClient | null
  /** The header is complete and names the load balancer itself: a health check, unless a byte follows. */
  unnamed: boolean
}

/** State that all connections of one thread share. */
export type Relay = {
  readonly settings: RelaySettings
  /** Whether the engine ends clients that acknowledge nothing. */
  readonly endsDeafPeers: boolean
  /** `performance.now()` of the last event or pulse, for times that need no precision. */
  now: number
  /** `performance.now()`, or the time of a test. */
  clock(): number
  epoch(): number
  readonly listeners: readonly Listener[]
  readonly lookup: Lookup
  directory: Directory
  middleProxies: MiddleProxies | null
  ourAddress: OurAddress
  isBlocked: IsBlocked
  /** The name of a client's address in events. */
  hashOf(remote: Buffer): string
  readonly random: Fill
  /** The replay cache of this proxy: false when it has seen the handshake. */
  readonly claim: LocalClaim
  /** The replay cache of all proxies; null: there is none. */
  readonly ask: Ask | null
  /** Handshakes without an answer of the shared replay cache, since the last event about them. */
  unclaimed: number
  /** Refused clients since the last event about them. */
  readonly refusals: Map<Limit, number>
  /** The same for PROXY protocol headers. */
  readonly refusedHeaders: Map<Listener, Map<HeaderRefusal, number>>
  /** Oldest first. */
  readonly arriving: Set<Arriving>
  /** Accepted a moment ago, oldest first; see `early-host.ts`. */
  readonly fresh: Session[]
  readonly dialer: Dialer
  /** Null with UPSTREAMS=direct. */
  readonly upstreams: Upstreams | null
  readonly pool: Pool
  /** Connections to middle proxies; null: every client is relayed to its datacenter. */
  middle: MiddlePool | null
  readonly emit: Emit
  /** Reports an exception of our own code. Never throws. */
  fault(error: unknown): void
  readonly capacity: Capacity
  readonly sessions: Set<Session>
  readonly handshakes: PendingHandshakes
  readonly budget: Budget
  readonly userCounts: UserCounts
  readonly userRates: Rate
  /** Connections that wait because of the rate of their user. */
  readonly throttled: Set<Relayed>
  readonly earlyHosts: EarlyHosts
  /** Classes of signed hellos so far, with their domain. */
  readonly classes: Set<string>
  /** Gets the first hello of each class; null: it is not passed on. */
  newHello: ((domain: string, kind: string, template: Buffer) => void) | null
  /** Rejected clients that were admitted to the masking host. */
  readonly unauthenticated: Set<Session>
  /** Connections that have reached their datacenter. */
  relaying: number
}

/**
 * State of one connection, from accept to close. Each phase is a table of handlers that is attached to its links. Fields
 * that are valid in one phase only are in that phase's object. Times are `performance.now()`, ms.
 */
export type Session = {
  readonly relay: Relay
  /** Its id in events and its trace id. */
  readonly id: string
  readonly client: Link
  readonly listener: Listener
  /** The client's address, 4 or 16 bytes: of the link, or of its PROXY protocol header. */
  readonly remote: Buffer
  /** Of its PROXY protocol header; null: the link has its addresses. */
  readonly named: NamedClient | null
  readonly clientHash: string
  readonly acceptedAt: number
  /** Its address prefix, see `prefix.ts`. */
  readonly prefix: number
  /** BLOCK_LISTS or ALLOW_LISTS refuse its address. */
  readonly blocked: boolean
  phase: Phase
  /** The name that its hello asks for; null: none was read. */
  serverName: string | null
  /** Null once the handshake is accepted or rejected. */
  handshake: Handshake | null
  /** Bytes received and not yet forwarded. */
  received: Buffer | null
  /** Size of what is kept for it, as counted in `capacity.ts`. */
  kept: number
  /** The dial of its datacenter. */
  dialing: Dialing | null
  /** The masking host before the client is handed over to it. */
  pendingHost: PendingHost | null
  /** While the shared replay cache is asked. */
  claim: Claiming | null
  /** The datacenter, or the masking host while fronting. */
  far: Link | null
  /** Null until a secret has proven it. */
  user: User | null
  /** While its user is searched among many. */
  searching: boolean
  /** When it ends because its user is gone: see `gone-users.ts`. */
  endsAt: number
  /** Null until the handshake is accepted. */
  labels: SessionLabels | null
  /** Of the signed hello that was answered; null: none. */
  signed: SignedDetails | null
  /** Strips TLS records; null: the connection has none. */
  unwrap: Unwrap | null
  /** Of the records to the client; null: the connection has none. */
  pace: Pace | null
  /** The slot in which it counts for its user, see `user-limits/counts.ts`; -1: none. */
  slot: number
  /** Of its address, for the limit of addresses of its user; null: it has none. */
  addressHash: Buffer | null
  /** When the address was last noted as in use. */
  seenAt: number
  /** Bytes that its user was charged. */
  chargedBytes: number
  /** Refused because of a limit of its user, and kept open without an answer. */
  refused: boolean
  relayed: Relayed | null
  fronted: Fronted | null
  bytesToClient: number
  bytesToDatacenter: number
  activeAt: number
  clientEnded: boolean
  /** The datacenter, or the masking host while fronting. */
  farEnded: boolean
  /** The side that ended first and its reason, emitted when the rest has been delivered. */
  endedBy: Side | null
  endReason: CloseReason
  closed: boolean
}

/** An incomplete handshake and the clock that runs for it; see `pending-handshakes.ts`. */
export type Handshake = {
  readonly session: Session
  clock: Set<Handshake> | null
  /** Start of the running clock. */
  waitingSince: number
  /** 0: no byte has come. */
  firstByteAt: number
}

/** A connection that has reached its datacenter. */
export type Relayed = {
  readonly session: Session
  readonly datacenter: Link
  readonly fromClient: Cipher
  readonly toDatacenter: Cipher
  /** Null in FAST_MODE: the datacenter encrypts for the client. */
  readonly down: { readonly fromDatacenter: Cipher; readonly toClient: Cipher } | null
  /** Bytes in events so far. */
  reportedToClient: number
  reportedToDatacenter: number
  reportedAt: number
  /** The client's first byte for the datacenter; 0: none has come. */
  requestAt: number
  /** The oldest byte to the datacenter that no byte from it followed; 0: none. */
  unansweredAt: number
  /** Start of the time in which the client takes no byte; 0: it takes them. */
  blockedAt: number
  blockedBytes: number
  /** The last measurement of the client's network; null: none. */
  path: Path | null
  /** The kernel's unsent bytes for the client are limited. */
  notSentLimited: boolean
  /** Directions that wait because of the rate of the user; null: the user has no rate. */
  throttle: { up: boolean; down: boolean } | null
}

/** An unauthenticated client that was handed over to the masking host. */
export type Fronted = {
  readonly session: Session
  readonly host: Link
  /** Bytes that it took from the budget and has not used. */
  credit: number
  /** The host has sent a reset: the client gets one after the bytes that came before it. */
  hostReset: boolean
}

/** The masking host of a client that is not handed over to it: dialed at the rejection, or early for a slow client. */
export type PendingHost = {
  dialing: Dialing | null
  link: Link | null
  readonly address: MaskingHost
  /** Whether it counts in `EarlyHosts`. */
  readonly early: boolean
  /** Bytes of `received` that were forwarded. */
  sent: number
  /** Bytes and end of the host that the client must not see yet. */
  held: Buffer | null
  ended: boolean
  lost: LinkError | null
}

/** `arrived` continues a dial that ended before the claim was answered. */
export type Claiming = { arrived: (() => void) | null }

/** Limits early connections to the masking host: in all, and for each address prefix. */
export type EarlyHosts = { begin(prefix: number): boolean; end(prefix: number): void }

/**
 * The incomplete handshakes of one thread. Three clocks run, one for each client: until its first byte, from byte to
 * byte, and from ServerHello to the first data. When places run out, `victim` names the client that has to leave.
 */
export type PendingHandshakes = {
  readonly size: number
  /** A client was accepted. */
  enter(session: Session): void
  /** Bytes of an incomplete handshake came. */
  progressed(session: Session): void
  /** ServerHello was sent: the first data may come as late as a first byte. */
  answered(session: Session): void
  /** Stops the clock while the shared replay cache is asked. */
  suspend(session: Session): void
  /** False: it has left before. */
  leave(session: Session): boolean
  /** Calls `expire` for each client whose time is over. */
  expireLate(now: number, expire: (session: Session) => void): void
  /** Whether a client that keeps sending a little has used up its time. */
  isTooSlow(session: Session, now: number): boolean
  /**
   * The client that leaves when one of `prefix` comes and no place is left: one of a prefix that has more than its share
   * (a secret may be public), else the unauthenticated client that has been silent longest, for `agedMs` at least.
   */
  victim(prefix: number, agedMs: number): Session | null
  /** Whether a prefix has its share of the places, or more. */
  fillsShare(prefix: number): boolean
}

/** Size of one read from an unauthenticated client: a hello, and little that has to be kept. */
export const FIRST_READ = 4_096

/** Milliseconds with three decimals: precise enough for any clock here, and short as JSON. */
export const ms = (value: number): number => Math.round(value * 1000) / 1000
