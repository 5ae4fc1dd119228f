import type { Limit } from '../events/contract.ts'
import type { Link } from '../net/link.ts'
import type { NamedClient } from '../wire/proxy-protocol.ts'
import { prefixKey, prefixOf } from './prefix.ts'
import { authenticating } from './sessions/authenticating.ts'
import { closeSession, emitRejected } from './sessions/closing.ts'
import { openSession } from './sessions/open-session.ts'
import { countRefusal } from './sessions/places.ts'
import { FIRST_READ, type Listener, type Relay, type Session } from './sessions/session.ts'

/** A client younger than this keeps its place when users have all places, or descriptors run out; ms. */
const SECOND = 1_000
/** Clients in their handshake that are closed when descriptors run out. */
const EXPELLED = 16
/** Another thread may take the place that a closed client leaves: so many are closed for one that comes. */
const TRIES = 4

const id = Buffer.alloc(16)

/** Closes one client that has not authenticated, to make room; false: there is none. */
const expel = (relay: Relay, full: Limit, prefix: number, agedMs: number): boolean => {
  const victim = relay.handshakes.victim(prefix, agedMs)
  if (victim === null) return false
  // A flood from one prefix takes places from no other client: closing it does not mean that the proxy is full.
  countRefusal(relay, relay.handshakes.fillsShare(victim.prefix) ? 'strangers' : full)
  closeSession(victim, 'proxy', 'limit')
  return true
}

/** Takes a place for a client of `prefix`; where none is left, that of another client. */
const admit = (relay: Relay, prefix: number): boolean => {
  const { capacity, settings, handshakes } = relay
  const full = capacity.enter()
  if (full === null) return true
  const limit = full === 'connections' ? settings.connectionLimit : full
  // Users have all places, too: a client that came a moment ago needs the time for its handshake.
  const agedMs = full === 'connections' ? SECOND : 0
  for (let i = 0; i < TRIES && expel(relay, limit, prefix, agedMs); i++)
    if (capacity.enter() === null) return true
  if (capacity.enter(handshakes.size === 0) === null) return true
  countRefusal(relay, limit)
  return false
}

/** For the events of a connection: nothing where there is one listener only. */
export const listenerField = ({ name }: Listener): { listener?: string } =>
  name === null ? {} : { listener: name }

const open = (
  relay: Relay,
  link: Link,
  listener: Listener,
  named: NamedClient | null,
  prefix: number,
): Session => {
  relay.random(id, 0, 16)
  const session = openSession(relay, link, listener, named, id.toString('hex'), prefix)
  link.readSize = FIRST_READ
  link.attach(authenticating, session)
  relay.emit({
    v: 1,
    type: 'connection.accepted',
    at: relay.epoch(),
    connection: session.id,
    prefix: prefixOf(session.remote),
    client: session.clientHash,
    family: session.remote.length === 4 ? 'ipv4' : 'ipv6',
    worker: relay.settings.worker,
    ...listenerField(listener),
  })
  relay.sessions.add(session)
  relay.handshakes.enter(session)
  if (listener.rules.domains.some(({ mask }) => mask !== null)) relay.fresh.push(session)
  return session
}

/** BLOCKED_CLIENTS=close. */
const refuse = (session: Session): null => {
  emitRejected(session, 'blocked', false, {})
  closeSession(session, 'proxy', 'blocked')
  return null
}

/** Opens a session for a client, that of a header if one has named it, or closes the link where no place is left. */
export const acceptClient = (
  relay: Relay,
  link: Link,
  listener: Listener,
  named: NamedClient | null = null,
): Session | null => {
  relay.now = relay.clock()
  const prefix = prefixKey((named ?? link).remote, relay.settings.prefixSeed)
  if (!admit(relay, prefix)) {
    link.close()
    return null
  }
  try {
    const session = open(relay, link, listener, named, prefix)
    return session.blocked && relay.settings.blockedClients === 'close' ? refuse(session) : session
  } catch (error) {
    // It has a place, but no session and no event yet.
    relay.fault(error)
    relay.capacity.handshakeOver()
    relay.capacity.leave()
    link.close()
    return null
  }
}

/** No descriptor is left for a client that waits to be accepted: closes the clients that have been silent longest. */
export const freeDescriptors = (relay: Relay): void => {
  countRefusal(relay, 'file-descriptors')
  for (let i = 0; i < EXPELLED && expel(relay, 'file-descriptors', 0, SECOND); i++) {}
}
