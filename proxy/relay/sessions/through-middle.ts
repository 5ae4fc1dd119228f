import type { Dialer } from '../../datacenter/dial.ts'
import { type Address, addressText } from '../../datacenter/directory.ts'
import type { DialError } from '../../events/contract.ts'
import { middleProxiesOf, seenAddress } from '../../middle-proxy/directory.ts'
import { type MiddlePool, middlePool } from '../../middle-proxy/pool.ts'
import { openThread } from '../../middle-proxy/thread.ts'
import type { Link } from '../../net/link.ts'
import { dcOf, type Opening } from '../../wire/obfuscated2.ts'
import { randomPool } from '../../wire/random.ts'
import type { RelaySettings } from '../settings.ts'
import { closeSession, faulted, turnAway } from './closing.ts'
import { endsOf } from './open-session.ts'
import type { Relay, Session } from './session.ts'

/** A link to the datacenter and how it was reached. */
export type Arrival = {
  readonly link: Link
  readonly address: Address
  readonly pooled: boolean
  readonly elapsedMs: number
  readonly upstream?: string | undefined
  /** Null: a connection of our own. */
  readonly via: 'middle-proxy' | null
  /** No middle proxy of the datacenter works. */
  readonly fallback: boolean
}

/** A client of a Unix socket has no ports. */
const ofUnixSocket = { remotePort: 0, local: Buffer.from([127, 0, 0, 1]), localPort: 0 }

/** A stream of a middle proxy that serves the datacenter. Calls `arrived`, or `away` when there is none. */
export const reachThroughMiddle = (
  session: Session,
  id: number,
  { transport }: Opening,
  arrived: (arrival: Arrival) => void,
  away: (error: DialError) => void,
): void => {
  const { relay, client } = session
  const ends = endsOf(session) ?? ofUnixSocket
  if (client.closed || relay.middle === null) return closeSession(session, 'client', 'reset')
  const own = session.user?.adTag
  const adTag = own === undefined ? relay.settings.adTag : own
  session.dialing = relay.middle.open(
    id,
    {
      transport,
      remote: { address: session.remote, port: ends.remotePort },
      ours: { address: seenAddress(ends.local, relay.ourAddress), port: ends.localPort },
      tag: adTag === null ? null : Buffer.from(adTag, 'hex'),
      refused: (reason) =>
        reason === 'limit'
          ? turnAway(session, 'middle-proxy-queue')
          : closeSession(session, 'client', reason),
    },
    {
      connected: (reached) => arrived({ ...reached, via: 'middle-proxy', fallback: false }),
      failed: (error) => {
        session.dialing = null
        away(error)
      },
      faulted: () => faulted(session),
    },
  )
}

const emitMiddleFailed = (
  relay: Relay,
  id: number,
  address: Address,
  error: DialError,
  elapsedMs: number,
): void => {
  const { dc, media } = dcOf(id)
  relay.emit({
    v: 1,
    type: 'middle-proxy.failed',
    at: relay.epoch(),
    dc,
    media,
    address: addressText(address),
    family: address.family,
    error,
    elapsedMs: Math.round(elapsedMs),
  })
}

/**
 * Whether middle proxies serve a datacenter. Without USE_MIDDLE_PROXY only those that are published for this very datacenter: it may be one
 * that the directory does not have yet.
 */
export const servesThroughMiddle = ({ settings, middle, middleProxies }: Relay, id: number): boolean => {
  if (middle === null || middleProxies === null) return false
  return settings.useMiddleProxy ? middle.serves(id) : middleProxiesOf(middleProxies, id, id < 0).length > 0
}

/** The connections of one thread to middle proxies. */
export const openMiddle = (
  settings: RelaySettings,
  dialer: Dialer,
  clock: () => number,
  relay: () => Relay,
): MiddlePool => {
  const thread = openThread({
    random: randomPool(),
    clock,
    epochSeconds: () => Math.floor(relay().epoch() / 1_000),
    report: (error) => relay().fault(error),
  })
  return middlePool({
    thread,
    dialer,
    limit: settings.middleProxyConnections,
    handshakeMs: settings.dialTimeoutMs,
    proxies: () => relay().middleProxies,
    ourAddress: () => relay().ourAddress,
    missed: (...miss) => emitMiddleFailed(relay(), ...miss),
  })
}
