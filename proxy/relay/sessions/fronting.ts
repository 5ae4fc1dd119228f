import type { Address } from '../../datacenter/directory.ts'
import type { CloseReason } from '../../events/contract.ts'
import type { Link, LinkEvents } from '../../net/link.ts'
import { localHeader, proxyHeader } from '../../wire/proxy-protocol.ts'
import type { MaskingHost } from '../settings.ts'
import { append } from './append.ts'
import {
  closeAsEnded,
  closeIfDelivered,
  closeSession,
  faulted,
  faultedPhase,
  reasonOf,
  recordEnd,
  turnAway,
} from './closing.ts'
import { domainSeen } from './domains.ts'
import { endsOf } from './open-session.ts'
import { dropHost, forward, takeHost } from './pending-host.ts'
import { endHandshake, keep, keepReceived } from './places.ts'
import { FIRST_READ, type Fronted, type PendingHost, type Session } from './session.ts'

/**
 * Limits of a fronted connection, in each direction: a page and everything that belongs to it come at full speed, and
 * later bytes at a rate too low for a film. The masking host may be a CDN: without limits it would be a free relay to all
 * of the CDN's sites.
 */
export const FREE_BYTES = 4 * 1_048_576
export const BYTES_A_SECOND = 128 * 1_024
/** Size of one read of a fronted connection. */
const READ = 16_384

/** Whether `bytes` exceed what the age of the connection allows. Needs no state: on average it holds for any interval. */
const exceeds = ({ relay, acceptedAt }: Session, bytes: number): boolean =>
  bytes > FREE_BYTES && bytes > FREE_BYTES + ((relay.now - acceptedAt) * BYTES_A_SECOND) / 1_000

/** Takes the next read out of the shared budget; false: it has no bytes now. */
const funded = (fronted: Fronted): boolean => {
  if (fronted.credit >= READ) return true
  const { relay, prefix } = fronted.session
  const bytes = 2 * READ - fronted.credit
  if (!relay.budget.take(prefix, bytes)) return false
  fronted.credit += bytes
  return true
}

/** Pays for a read of `length` bytes from `from`, after which `bytes` have passed in that direction. */
const pay = (fronted: Fronted, from: Link, bytes: number, length: number): void => {
  fronted.credit -= length
  if (!funded(fronted)) {
    fronted.session.client.pause()
    fronted.host.pause()
  } else if (exceeds(fronted.session, bytes)) from.pause()
}

/** Reads on where time has earned new bytes; called by the sweep. A link with unsent bytes waits until they have drained. */
export const earn = (fronted: Fronted): void => {
  const { session, host, hostReset } = fronted
  const { client, bytesToClient, bytesToDatacenter } = session
  if (hostReset || !funded(fronted)) return
  if (client.unsent === 0 && !exceeds(session, bytesToClient)) host.resume()
  if (host.unsent === 0 && !exceeds(session, bytesToDatacenter)) client.resume()
}

/** The masking host that the client sees: of the domain that it asked for, else of the first. */
export const maskOf = ({ listener, serverName }: Session): MaskingHost | null =>
  domainSeen(listener.rules.domains, serverName).mask

const sameAddress = (one: Address, other: Address): boolean =>
  one.host === other.host && one.port === other.port

/**
 * Forwards a rejected client to the masking host from its first byte, both ways: it sees the real site, its bytes and its
 * close. Without a masking host the client is read and never answered, as by a packet filter.
 */
export const front = (session: Session, reason: CloseReason): void => {
  const { client } = session
  const mask = maskOf(session)
  session.phase = 'fronting'
  session.endReason = reason
  endHandshake(session)
  if (mask === null) return readSilently(session)
  // Dialed before the name was read.
  if (session.pendingHost !== null && !sameAddress(session.pendingHost.address, mask)) dropHost(session)
  const { pendingHost } = session
  if (pendingHost !== null && pendingHost.link !== null) return splice(session, pendingHost.link)
  client.attach(dialing, session)
  client.pause()
  if (!keepReceived(session)) return turnAway(session, 'strangers')
  if (pendingHost === null) dialHost(session, mask, null)
}

/** MASK_HOST=off. */
const readSilently = (session: Session): void => {
  dropHost(session)
  if (session.clientEnded) return closeSession(session, 'client', session.endReason)
  session.received = null
  keep(session, 0)
  session.client.attach(silence, session)
  // A refused claim has paused it: without reading, its end stays unseen.
  session.client.resume()
}

/** Names the client to the host, before all bytes. */
const nameClient = (session: Session, host: Link): void => {
  const { remote } = session
  const ends = endsOf(session)
  const header =
    ends === null
      ? localHeader
      : proxyHeader({ address: remote, port: ends.remotePort }, { address: ends.local, port: ends.localPort })
  host.write(header, 0, header.length)
}

/** Dials the masking host. `early`: handles its events until the client is rejected; null: the client is rejected. */
export const dialHost = (session: Session, address: MaskingHost, early: LinkEvents<Session> | null): void => {
  const pending: PendingHost = {
    address,
    dialing: null,
    link: null,
    early: early !== null,
    sent: 0,
    held: null,
    ended: false,
    lost: null,
  }
  session.pendingHost = pending
  pending.dialing = session.relay.dialer.dialDirect([address], {
    connected: (host) => {
      pending.dialing = null
      pending.link = host
      if (address.proxyProtocol) nameClient(session, host)
      if (early === null || session.phase === 'fronting') return splice(session, host)
      host.readSize = FIRST_READ
      host.attach(early, session)
      forward(session)
    },
    missed: () => {},
    faulted: () => faulted(session),
    failed: () => {
      takeHost(session)
      if (session.phase !== 'fronting') return
      // As a site that is down.
      session.client.reset()
      closeSession(session, 'proxy', session.endReason)
    },
  })
}

/** Connects the client to the host, with everything that both have sent so far. */
const splice = (session: Session, host: Link): void => {
  const { relay, client } = session
  const pending = takeHost(session)
  const fronted: Fronted = { session, host, credit: 0, hostReset: false }
  session.far = host
  session.fronted = fronted
  keep(session, 0)
  client.readSize = host.readSize = READ
  session.activeAt = relay.now
  gather(fronted)
  const { received } = session
  session.received = null
  client.attach(fromUnauthenticated, fronted)
  host.attach(fromHost, fronted)
  if (received !== null) {
    session.bytesToDatacenter += received.length
    if (!host.write(received, pending?.sent ?? 0, received.length)) client.pause()
  }
  if (session.clientEnded) host.end()
  if (funded(fronted)) host.resume()
  else host.pause()
  if (pending !== null) catchUp(fronted, pending)
}

/** Handles what the host did before the client was handed over. */
const catchUp = (fronted: Fronted, { held, ended, lost }: PendingHost): void => {
  if (held !== null) fromHost.bytes(fronted, held, 0, held.length)
  if (ended) fromHost.ended(fronted)
  if (lost !== null && !fronted.session.closed) fromHost.lost(fronted, lost)
}

/**
 * Reads everything that the client has sent by now, to write it in one piece: a host that closes before it has read all
 * answers with a reset, so a part must not reach it where a direct client would have sent all.
 */
const gather = (fronted: Fronted): void => {
  const { client, received } = fronted.session
  fronted.credit -= received === null ? 0 : received.length
  if (!funded(fronted)) return client.pause()
  client.attach(gathering, fronted)
  client.resume()
  client.pull()
}

const gathering: LinkEvents<Fronted> = {
  bytes: (fronted, buffer, start, end) => {
    const { session } = fronted
    session.received = append(session.received, buffer, start, end)
    fronted.credit -= end - start
    if (!funded(fronted)) session.client.pause()
  },
  drained: () => {},
  ended: ({ session }) => {
    session.clientEnded = true
  },
  lost: ({ session }, error) => closeSession(session, 'client', reasonOf(error)),
  faulted: faultedPhase,
}

/** Passes the host's reset on. */
const resetClient = (session: Session): void => {
  session.client.reset()
  closeAsEnded(session)
}

const fromUnauthenticated: LinkEvents<Fronted> = {
  bytes: (fronted, buffer, start, end) => {
    const { session, host } = fronted
    session.bytesToDatacenter += end - start
    session.activeAt = session.relay.now
    if (!host.write(buffer, start, end)) session.client.pause()
    pay(fronted, session.client, session.bytesToDatacenter, end - start)
  },
  drained: (fronted) => {
    const { session, host } = fronted
    if (fronted.hostReset) return resetClient(session)
    if (funded(fronted) && !exceeds(session, session.bytesToClient)) host.resume()
    closeIfDelivered(session, host)
  },
  ended: ({ session, host }) => {
    recordEnd(session, 'client', session.endReason)
    session.clientEnded = true
    host.end()
    closeIfDelivered(session, host)
  },
  // The host sees the same end: a reset for a reset.
  lost: ({ session, host }, error) => {
    recordEnd(session, 'client', session.endReason)
    if (error === 'reset') host.reset()
    closeAsEnded(session)
  },
  faulted: faultedPhase,
}

export const fromHost: LinkEvents<Fronted> = {
  bytes: (fronted, buffer, start, end) => {
    const { session, host } = fronted
    session.bytesToClient += end - start
    session.activeAt = session.relay.now
    if (!session.client.write(buffer, start, end)) host.pause()
    pay(fronted, host, session.bytesToClient, end - start)
  },
  drained: (fronted) => {
    const { session, host } = fronted
    if (funded(fronted) && !exceeds(session, session.bytesToDatacenter)) session.client.resume()
    closeIfDelivered(session, host)
  },
  ended: ({ session, host }) => {
    recordEnd(session, 'datacenter', session.endReason)
    session.farEnded = true
    session.client.end()
    closeIfDelivered(session, host)
  },
  lost: (fronted, error) => {
    const { session } = fronted
    recordEnd(session, 'datacenter', session.endReason)
    if (error !== 'reset') return closeAsEnded(session)
    if (session.client.unsent === 0) return resetClient(session)
    fronted.hostReset = true
    session.farEnded = true
    session.client.pause()
  },
  faulted: faultedPhase,
}

const dialing: LinkEvents<Session> = {
  bytes: () => {},
  drained: () => {},
  ended: () => {},
  lost: (session) => closeSession(session, 'client', session.endReason),
  faulted,
}

/** Reads, and never answers. */
export const silence: LinkEvents<Session> = {
  bytes: (session) => {
    session.activeAt = session.relay.now
  },
  drained: () => {},
  ended: (session) => closeSession(session, 'client', session.endReason),
  lost: (session, error) =>
    closeSession(session, 'client', reasonOf(error) === 'timeout' ? 'timeout' : session.endReason),
  faulted,
}
