import type { CloseReason, Limit } from '../../events/contract.ts'
import type { Link, LinkError, LinkEvents } from '../../net/link.ts'
import { dropEarly, type Early, endEarly, forward } from './pending-host.ts'
import {
  append,
  closeSession,
  delivered,
  ended,
  FIRST_READ,
  faulted,
  mayKeep,
  reasonOf,
  type Session,
} from './session.ts'

/**
 * In each direction, for strangers only: a page and all that belongs to it come at full speed, and what goes on comes at
 * a rate that shows a film to nobody. Behind the address of a CDN are everybody's sites: unbound, whoever finds the port
 * has a fast way to all of them, and the traffic has this host's name on it.
 */
export const FREE_BYTES = 4 * 1_048_576
export const BYTES_A_SECOND = 128 * 1_024
/** The most that one read of a fronted connection brings. */
const READ = 16_384

/** Whether so many bytes are more than a stranger's time here has earned. No state: on average it holds for any span. */
const spent = ({ relay, acceptedAt }: Session, bytes: number): boolean =>
  bytes > FREE_BYTES && bytes > FREE_BYTES + ((relay.now - acceptedAt) * BYTES_A_SECOND) / 1_000

/** Whether the next read is paid for: from the budget of its prefix and of all, which no new connection begins anew. */
const funded = (session: Session): boolean => {
  if (session.credit >= READ) return true
  const bytes = 2 * READ - session.credit
  if (!session.relay.budget.take(session.prefix, bytes)) return false
  session.credit += bytes
  return true
}

/** After a read of `from`, `bytes` in that direction so far: reads no more than is paid for. */
const pay = (session: Session, from: Link, bytes: number, length: number): void => {
  session.credit -= length
  if (!funded(session)) {
    session.client.pause()
    session.datacenter!.pause()
  } else if (spent(session, bytes)) from.pause()
}

/** Reads on where time has earned new bytes; asked by the sweep. What is full stays paused until it has drained. */
export const earn = (session: Session): void => {
  const { client, datacenter: host, bytesToClient, bytesToDatacenter } = session
  if (host === null || session.resets || !funded(session)) return
  if (client.unsent === 0 && !spent(session, bytesToClient)) host.resume()
  if (host.unsent === 0 && !spent(session, bytesToDatacenter)) client.resume()
}

/**
 * A stranger is handed to the masking host from byte 0, both ways: it sees the real site, its bytes and its close.
 * Without one it is read and never answered, as by a filter.
 */
export const front = (session: Session, reason: CloseReason): void => {
  const { relay, client } = session
  session.phase = 'fronting'
  session.endReason = reason
  relay.greeted(session)
  const { early } = session
  if (relay.mask === null) {
    dropEarly(session)
    if (session.clientEnded) return closeSession(session, 'client', reason)
    session.greeting = null
    relay.keep(session, 0)
    client.attach(silence, session)
    // A refused claim has paused it: its end would not be seen.
    client.resume()
    return
  }
  if (early !== null && early.dialing === null) return splice(session)
  client.attach(dialing, session)
  client.pause()
  if (!mayKeep(session)) return turnAway(session, 'strangers')
  if (early === null) dialHost(session, fromHost, false)
}

/** Closes a client that there is no room for. */
export const turnAway = (session: Session, limit: Limit): void => {
  session.relay.refused(limit)
  closeSession(session, 'proxy', 'limit')
}

/** Dials the masking host; `on` handles its events as long as the client is not rejected. */
export const dialHost = (session: Session, on: LinkEvents<Session>, counted: boolean): void => {
  const early: Early = {
    dialing: null,
    host: null,
    on,
    counted,
    sent: 0,
    held: null,
    ended: false,
    lost: null,
  }
  session.early = early
  early.dialing = session.relay.dialer.dial([session.relay.mask!], {
    connected: (host) => {
      early.dialing = null
      early.host = host
      if (session.phase === 'fronting') return splice(session)
      host.readSize = FIRST_READ
      host.attach(on, session)
      forward(session)
    },
    missed: () => {},
    faulted: () => faulted(session),
    failed: () => {
      endEarly(session)
      if (session.phase !== 'fronting') return
      // What a dead site would do.
      session.client.reset()
      closeSession(session, 'proxy', session.endReason)
    },
  })
}

/** The client is the host's own from now on, with all that both have sent so far. */
const splice = (session: Session): void => {
  const { relay, client } = session
  const { host, sent, held, ended, lost } = endEarly(session) as Early & { host: Link }
  session.datacenter = host
  relay.keep(session, 0)
  client.readSize = host.readSize = READ
  session.activeAt = relay.now
  gather(session)
  const { greeting } = session
  session.greeting = null
  client.attach(fromUnauthenticated, session)
  host.attach(fromHost, session)
  if (greeting !== null) {
    session.bytesToDatacenter += greeting.length
    if (!host.write(greeting, sent, greeting.length)) client.pause()
  }
  if (session.clientEnded) host.end()
  if (funded(session)) host.resume()
  else host.pause()
  if (held !== null) fromHost.bytes(session, held, 0, held.length)
  if (ended) fromHost.ended(session)
  if (lost !== null && !session.closed) fromHost.lost(session, lost)
}

/**
 * Reads what the client has sent by now, to be written as one: a host that closes before it has read all answers with a
 * reset, so it must not get a part when a client of its own had brought it all.
 */
const gather = (session: Session): void => {
  const { client, greeting } = session
  session.credit -= greeting === null ? 0 : greeting.length
  if (!funded(session)) return client.pause()
  client.attach(gathering, session)
  client.resume()
  client.pull()
}

const gathering: LinkEvents<Session> = {
  bytes: (session, buffer, start, end) => {
    session.greeting = append(session.greeting, buffer, start, end)
    session.credit -= end - start
    if (!funded(session)) session.client.pause()
  },
  drained: () => {},
  ended: (session) => {
    session.clientEnded = true
  },
  lost: (session, error) => closeSession(session, 'client', reasonOf(error)),
  faulted,
}

const over = (session: Session): void => closeSession(session, session.endedBy ?? 'proxy', session.endReason)

const settle = (session: Session): void => {
  if (delivered(session)) over(session)
}

/** A reset is shown as a reset. */
const resetClient = (session: Session): void => {
  session.client.reset()
  over(session)
}

const fromUnauthenticated: LinkEvents<Session> = {
  bytes: (session, buffer, start, end) => {
    session.bytesToDatacenter += end - start
    session.activeAt = session.relay.now
    if (!session.datacenter!.write(buffer, start, end)) session.client.pause()
    pay(session, session.client, session.bytesToDatacenter, end - start)
  },
  drained: (session) => {
    if (session.resets) return resetClient(session)
    if (funded(session) && !spent(session, session.bytesToClient)) session.datacenter!.resume()
    settle(session)
  },
  ended: (session) => {
    ended(session, 'client', session.endReason)
    session.clientEnded = true
    session.datacenter!.end()
    settle(session)
  },
  // The same end on the other side: a reset is told by a reset.
  lost: (session, error) => {
    ended(session, 'client', session.endReason)
    if (error === 'reset') session.datacenter!.reset()
    over(session)
  },
  faulted,
}

export const fromHost: LinkEvents<Session> = {
  bytes: (session, buffer, start, end) => {
    session.bytesToClient += end - start
    session.activeAt = session.relay.now
    if (!session.client.write(buffer, start, end)) session.datacenter!.pause()
    pay(session, session.datacenter!, session.bytesToClient, end - start)
  },
  drained: (session) => {
    if (funded(session) && !spent(session, session.bytesToDatacenter)) session.client.resume()
    settle(session)
  },
  ended: (session) => {
    ended(session, 'datacenter', session.endReason)
    session.datacenterEnded = true
    session.client.end()
    settle(session)
  },
  lost: (session, error) => {
    ended(session, 'datacenter', session.endReason)
    if (error !== 'reset') return over(session)
    if (session.client.unsent === 0) return resetClient(session)
    session.resets = true
    session.datacenterEnded = true
    session.client.pause()
  },
  faulted,
}

const dialing: LinkEvents<Session> = {
  bytes: () => {},
  drained: () => {},
  ended: () => {},
  lost: (session: Session, _error: LinkError) => closeSession(session, 'client', session.endReason),
  faulted,
}

/** MASK_HOST=off. */
const silence: LinkEvents<Session> = {
  bytes: (session) => {
    session.activeAt = session.relay.now
  },
  drained: () => {},
  ended: (session) => closeSession(session, 'client', session.endReason),
  lost: (session, error) =>
    closeSession(session, 'client', reasonOf(error) === 'timeout' ? 'timeout' : session.endReason),
  faulted,
}
