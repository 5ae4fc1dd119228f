import { type Address, addressesOf, addressText, reserveOf } from '../../datacenter/directory.ts'
import type { DialError, Mode, UpstreamError } from '../../events/contract.ts'
import type { Link, LinkEvents } from '../../net/link.ts'
import { type Cipher, makeCipher, noCipher } from '../../wire/cipher.ts'
import { dcOf, type Opening, openingFor } from '../../wire/obfuscated2.ts'
import { type Claim, claiming } from './claiming.ts'
import { closeSession, faulted, reasonOf } from './closing.ts'
import { endHandshake } from './places.ts'
import { pump } from './pump.ts'
import { ms, type Relay, type Relayed, type Session } from './session.ts'
import { type Arrival, reachThroughMiddle } from './through-middle.ts'

/** The addresses of a datacenter, best first. A negative id is media. */
export const addresses = ({ directory }: Relay, id: number): readonly Address[] =>
  addressesOf(directory, id, id < 0)

/** The addresses to dial when all others have failed. */
export const reserve = ({ directory }: Relay, id: number): readonly Address[] =>
  reserveOf(directory, id, id < 0)

export const emitDialFailed = (
  relay: Relay,
  id: number,
  address: Address,
  error: DialError,
  elapsedMs: number,
  upstream?: string,
  connection?: string,
): void => {
  const { dc, media } = dcOf(id)
  relay.emit({
    v: 1,
    type: 'datacenter.dial-failed',
    at: relay.epoch(),
    ...(connection === undefined ? {} : { connection }),
    dc,
    media,
    address: addressText(address),
    family: address.family,
    error,
    elapsedMs: Math.round(elapsedMs),
    ...(upstream === undefined ? {} : { upstream }),
  })
}

export const emitUpstreamFailed = (
  relay: Relay,
  upstream: string,
  error: UpstreamError,
  elapsedMs: number,
  connection?: string,
): void =>
  relay.emit({
    v: 1,
    type: 'upstream.failed',
    at: relay.epoch(),
    ...(connection === undefined ? {} : { connection }),
    upstream,
    error,
    elapsedMs: Math.round(elapsedMs),
  })

/** During the dial the client is not read: its bytes wait in the kernel, within its window. */
export const waiting: LinkEvents<Session> = {
  bytes: () => {},
  drained: () => {},
  ended: () => {},
  lost: (session, error) => closeSession(session, 'client', reasonOf(error)),
  faulted,
}

/**
 * Connects to the datacenter of `opening`: by a pooled connection, or by dialing its addresses. Calls `accepted` when the
 * handshake is accepted, before any later event of the connection. With a `claim`, the dial begins immediately, but no
 * byte passes before all proxies have answered.
 */
export const connectDatacenter = (
  session: Session,
  opening: Opening,
  user: { mode: Mode; user: string },
  accepted: () => void,
  claim: Claim | null,
): void => {
  const { relay, client } = session
  const { dc, media, id } = dcOf(opening.dc)
  const accept = (): void => {
    session.labels = { ...user, dc, media }
    session.phase = 'dial'
    endHandshake(session)
    accepted()
  }
  client.attach(waiting, session)
  client.pause()
  if (claim === null) accept()
  else {
    relay.handshakes.suspend(session)
    claiming(session, claim, () => {
      const arrived = session.claim?.arrived
      session.claim = null
      accept()
      arrived?.()
    })
  }
  const reachIt = goesThroughMiddle(relay, id!) ? reach : reachDirectly
  reachIt(session, id!, opening, (arrival) =>
    whenClaimed(session, arrival.link, () => connected(session, opening, arrival)),
  )
}

type Reach = (session: Session, id: number, opening: Opening, arrived: (arrival: Arrival) => void) => void

const reach: Reach = (session, id, opening, arrived) =>
  reachThroughMiddle(session, id, opening, arrived, (error) => {
    if (session.relay.settings.middleProxyFallback === 'refuse')
      return whenClaimed(session, null, () => closeUnreached(session, error))
    reachDirectly(session, id, opening, (arrival) => arrived({ ...arrival, fallback: true }))
  })

const goesThroughMiddle = (relay: Relay, id: number): boolean =>
  relay.middle !== null && (relay.settings.useMiddleProxy || addresses(relay, id).length === 0)

const reachDirectly: Reach = (session, id, _, arrived) => {
  const { relay } = session
  const own = { via: null, fallback: false } as const
  const pooled = relay.pool.take(id)
  if (pooled !== null) return arrived({ ...own, ...pooled, pooled: true, elapsedMs: 0 })
  session.dialing = relay.dialer.dial(
    addresses(relay, id),
    {
      connected: (link, address, elapsedMs, upstream) =>
        arrived({ ...own, link, address, pooled: false, elapsedMs, upstream }),
      missed: (address, error, elapsedMs, upstream) =>
        emitDialFailed(relay, id, address, error, elapsedMs, upstream, session.id),
      left: (upstream, error, elapsedMs) => emitUpstreamFailed(relay, upstream, error, elapsedMs, session.id),
      faulted: () => faulted(session),
      failed: (error) => {
        session.dialing = null
        whenClaimed(session, null, () => closeUnreached(session, error))
      },
    },
    reserve(relay, id),
  )
}

const closeUnreached = (session: Session, error: DialError | 'upstream'): void => {
  // File descriptors that ran out here are not the datacenter's fault.
  if (error === 'no-descriptors') return closeSession(session, 'proxy', 'limit')
  if (error === 'upstream') return closeSession(session, 'proxy', 'upstream')
  closeSession(session, 'datacenter', error === 'timeout' ? 'timeout' : 'refused')
}

/** A datacenter that is connected before the claim is answered. */
const unclaimed: LinkEvents<Session> = {
  bytes: () => {},
  drained: () => {},
  ended: () => {},
  lost: (session) => {
    session.far = null
    if (session.claim !== null) session.claim.arrived = () => closeSession(session, 'datacenter', 'reset')
  },
  faulted,
}

/** Calls `then` now, or when the claim is answered. */
const whenClaimed = (session: Session, link: Link | null, then: () => void): void => {
  if (session.claim === null) return then()
  session.dialing = null
  session.far = link
  link?.attach(unclaimed, session)
  session.claim.arrived = then
}

type Ciphers = Pick<Relayed, 'fromClient' | 'toDatacenter' | 'down'>

const fromClient = ({ clientKey, clientIv }: Opening): Cipher => makeCipher(clientKey, clientIv)
const toClient = ({ proxyKey, proxyIv }: Opening): Cipher => makeCipher(proxyKey, proxyIv)

/** The opening of our own connection to a datacenter, and the ciphers of both sides. */
const ownCiphers = (relay: Relay, opening: Opening): Ciphers & { payload: Buffer } => {
  const fast = relay.settings.fastMode
  const own = openingFor({
    tag: opening.transport,
    dc: opening.dc,
    fast: fast ? { key: opening.proxyKey, iv: opening.proxyIv } : null,
    random: relay.random,
  })
  return {
    payload: own.payload,
    fromClient: fromClient(opening),
    toDatacenter: makeCipher(own.encryptKey, own.encryptIv),
    down: fast
      ? null
      : { fromDatacenter: makeCipher(own.decryptKey, own.decryptIv), toClient: toClient(opening) },
  }
}

/** A stream of a middle proxy begins with nothing, and its connection encrypts. */
const middleCiphers = (opening: Opening): Ciphers & { payload: Buffer } => ({
  payload: Buffer.alloc(0),
  fromClient: fromClient(opening),
  toDatacenter: noCipher,
  down: { fromDatacenter: noCipher, toClient: toClient(opening) },
})

const connected = (
  session: Session,
  opening: Opening,
  { link, address, pooled, elapsedMs, upstream, via, fallback }: Arrival,
): void => {
  const { relay } = session
  session.dialing = null
  session.far = link
  session.phase = 'waiting'
  relay.emit({
    v: 1,
    type: 'datacenter.dialed',
    at: relay.epoch(),
    connection: session.id,
    ...session.labels!,
    address: addressText(address),
    family: address.family,
    pooled,
    elapsedMs: ms(elapsedMs),
    ...(upstream === undefined ? {} : { upstream }),
    ...(via === null ? {} : { via }),
    ...(fallback ? { fallback } : {}),
  })
  const { payload, ...ciphers } = via === null ? ownCiphers(relay, opening) : middleCiphers(opening)
  const relayed: Relayed = {
    session,
    datacenter: link,
    ...ciphers,
    reportedToClient: 0,
    reportedToDatacenter: 0,
    reportedAt: session.acceptedAt,
    requestAt: 0,
    unansweredAt: 0,
    blockedAt: 0,
    blockedBytes: 0,
    path: null,
    notSentLimited: false,
    throttle: null,
  }
  session.relayed = relayed
  relay.relaying++
  pump(relayed, payload)
}
