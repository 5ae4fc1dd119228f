import type { CloseReason, Phase, RejectReason, Side, Session as Who } from '../../events/contract.ts'
import type { Dialing, Link, LinkError } from '../../net/link.ts'
import type { Cipher } from '../../wire/cipher.ts'
import type { Unwrap } from '../../wire/records.ts'
import type { Relay } from '../relay.ts'
import type { SignedDetails } from './handshake.ts'
import { dropEarly, type Early } from './pending-host.ts'

/**
 * One connection, from accept to close. Its phases are tables of handlers (`greeting.ts`, `pump.ts`, `fronting.ts`)
 * that are attached to its links one after the other; what they share is here. Times are `performance.now()`, ms.
 */
export type Session = {
  readonly relay: Relay
  /** Its trace id. */
  readonly id: string
  readonly client: Link
  readonly clientHash: string
  readonly acceptedAt: number
  /** Its address prefix, see `prefix.ts`. */
  readonly prefix: number
  /** While its handshake is incomplete `door.ts` has it: on which clock, since when, and its first byte; 0: none yet. */
  greets: boolean
  clock: Set<Session> | null
  waitsSince: number
  firstByteAt: number
  phase: Phase
  /** Bytes that came and went nowhere yet. */
  greeting: Buffer | null
  /** Bytes of the budget that it took and has not used, while fronted. */
  credit: number
  /** Bytes that count as kept for it, see `keep`. */
  kept: number
  dialing: Dialing | null
  /** The masking host, until the client is its own. */
  early: Early | null
  /** While all proxies are asked whether they have seen the handshake; null: not, or it is answered. */
  claim: Claiming | null
  /** The datacenter; while fronting, the masking host. */
  datacenter: Link | null
  /** Null until the handshake was accepted. */
  who: Who | null
  /** Of the hello that was answered; null: none. */
  signed: SignedDetails | null
  unwrap: Unwrap | null
  fromClient: Cipher | null
  toDatacenter: Cipher | null
  /** Null in FAST_MODE: the datacenter encrypts for the client itself. */
  fromDatacenter: Cipher | null
  toClient: Cipher | null
  bytesToClient: number
  bytesToDatacenter: number
  reportedToClient: number
  reportedToDatacenter: number
  reportedAt: number
  /** The client's first byte for the datacenter; 0: none yet. */
  requestAt: number
  /** The oldest byte up that nothing has come down after; 0: none. */
  unansweredAt: number
  activeAt: number
  /** Since when the client has not taken a byte of what is there for it; 0: it takes them. */
  blockedAt: number
  blockedBytes: number
  /** The masking host has reset it: so is the client, when it has what came before. */
  resets: boolean
  clientEnded: boolean
  datacenterEnded: boolean
  /** Who ended first, and how: said when the rest has been delivered. */
  endedBy: Side | null
  endReason: CloseReason
  closed: boolean
}

/** What came of the dial before the claim was answered. */
export type Claiming = { arrived: (() => void) | null }

export const openSession = (
  relay: Relay,
  client: Link,
  id: string,
  clientHash: string,
  prefix: number,
): Session => ({
  relay,
  id,
  client,
  clientHash,
  acceptedAt: relay.clock(),
  prefix,
  greets: false,
  clock: null,
  waitsSince: 0,
  firstByteAt: 0,
  phase: 'hello',
  greeting: null,
  credit: 0,
  kept: 0,
  dialing: null,
  early: null,
  claim: null,
  datacenter: null,
  who: null,
  signed: null,
  unwrap: null,
  fromClient: null,
  toDatacenter: null,
  fromDatacenter: null,
  toClient: null,
  bytesToClient: 0,
  bytesToDatacenter: 0,
  reportedToClient: 0,
  reportedToDatacenter: 0,
  reportedAt: relay.now,
  requestAt: 0,
  unansweredAt: 0,
  activeAt: relay.now,
  blockedAt: 0,
  blockedBytes: 0,
  resets: false,
  clientEnded: false,
  datacenterEnded: false,
  endedBy: null,
  endReason: 'done',
  closed: false,
})

/** The most that one read brings from a client that is not authenticated: a hello, and little that has to be kept. */
export const FIRST_READ = 4_096

/** Milliseconds with three decimals: enough for any clock here, and short as JSON. */
export const ms = (value: number): number => Math.round(value * 1000) / 1000

export const append = (before: Buffer | null, buffer: Buffer, start: number, end: number): Buffer => {
  const kept = before === null ? 0 : before.length
  const joined = Buffer.allocUnsafeSlow(kept + end - start)
  before?.copy(joined)
  buffer.copy(joined, kept, start, end)
  return joined
}

/** Whether what is kept for a client that is not relayed has room beside that of all others. */
export const mayKeep = (session: Session): boolean => {
  const { relay, greeting, early, client } = session
  return relay.keep(session, (greeting?.length ?? 0) + (early?.held?.length ?? 0) + client.unread)
}

export const reasonOf = (error: LinkError): CloseReason => (error === 'timeout' ? 'timeout' : 'reset')

/** A client that waited this long for an answer and then left: the datacenter stalled, whoever closed. ms. */
const PATIENCE_MS = 5_000
/** Who sends again after this long expects something; ms. */
const ASKED_AGAIN_MS = 1_000

/**
 * How long the client has waited for an answer, ms; 0: it does not wait. An acknowledgement goes up without an answer
 * and is nobody's stall: so only what has never been answered counts, and what was sent again. It waits since its last
 * byte up: before that it was still asking, be it slowly.
 */
export const unansweredMs = ({ relay, phase, unansweredAt, activeAt }: Session): number =>
  unansweredAt > 0 && (phase === 'waiting' || activeAt - unansweredAt >= ASKED_AGAIN_MS)
    ? relay.now - activeAt
    : 0

/** How a client's leaving is to be read. */
export const clientLeft = (session: Session): CloseReason =>
  unansweredMs(session) > PATIENCE_MS ? 'stalled' : 'done'

/** The first end decides what the close will say. */
export const ended = (session: Session, by: Side, reason: CloseReason): void => {
  if (session.endedBy !== null) return
  session.endedBy = by
  session.endReason = reason
}

/** Whether both have ended and have all that the other one sent. */
export const delivered = ({ clientEnded, datacenterEnded, client, datacenter }: Session): boolean =>
  clientEnded && datacenterEnded && client.unsent === 0 && datacenter!.unsent === 0

export const emitRejected = (
  session: Session,
  reason: RejectReason,
  fronted: boolean,
  events: { user?: string; skewSeconds?: number; ja4?: string },
): void => {
  session.relay.emit({
    v: 1,
    type: 'handshake.rejected',
    at: session.relay.epoch(),
    connection: session.id,
    reason,
    elapsedMs: ms(session.relay.clock() - session.acceptedAt),
    fronted,
    client: session.clientHash,
    ...events,
  })
}

/** Tells the bytes since the last time, if there were any. */
export const emitProgress = (session: Session): void => {
  session.reportedAt = session.relay.now
  if (session.who === null) return
  const bytesToClient = session.bytesToClient - session.reportedToClient
  const bytesToDatacenter = session.bytesToDatacenter - session.reportedToDatacenter
  if (bytesToClient === 0 && bytesToDatacenter === 0) return
  session.reportedToClient = session.bytesToClient
  session.reportedToDatacenter = session.bytesToDatacenter
  session.relay.emit({
    v: 1,
    type: 'connection.progress',
    at: session.relay.epoch(),
    connection: session.id,
    ...session.who,
    bytesToClient,
    bytesToDatacenter,
  })
}

/** The descriptors first: whatever fails behind them, both are gone. */
const release = (session: Session): void => {
  session.client.close()
  session.datacenter?.close()
  dropEarly(session)
  session.dialing?.cancel()
  session.fromClient?.free()
  session.toDatacenter?.free()
  session.fromDatacenter?.free()
  session.toClient?.free()
}

/** Closes everything that belongs to a session and emits the reason: the one place where a session ends. */
export const closeSession = (session: Session, by: Side, reason: CloseReason): void => {
  if (session.closed) return
  session.closed = true
  try {
    release(session)
  } catch (error) {
    session.relay.fault(error)
    by = 'proxy'
    reason = 'internal'
  }
  session.relay.forget(session)
  session.relay.emit({
    v: 1,
    type: 'connection.closed',
    at: session.relay.epoch(),
    connection: session.id,
    ...session.who,
    by,
    phase: session.phase,
    reason,
    bytesToClient: session.bytesToClient,
    bytesToDatacenter: session.bytesToDatacenter,
    untoldToClient: session.bytesToClient - session.reportedToClient,
    untoldToDatacenter: session.bytesToDatacenter - session.reportedToDatacenter,
    durationMs: ms(session.relay.clock() - session.acceptedAt),
  })
}

/** Our own code failed on this session: it ends as our fault, never as that of the client or the datacenter. */
export const faulted = (session: Session): void => closeSession(session, 'proxy', 'internal')

/** Runs what no link's callback contains (timers, answers): an exception ends this session and no other one. */
export const guarded = (session: Session, work: (session: Session) => void): void => {
  try {
    work(session)
  } catch (error) {
    session.relay.fault(error)
    faulted(session)
  }
}
