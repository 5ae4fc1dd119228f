import { type Address, addressText } from '../../datacenter/directory.ts'
import type { Mode } from '../../events/contract.ts'
import type { Link, LinkEvents } from '../../net/link.ts'
import { makeCipher } from '../../wire/cipher.ts'
import { dcOf, type Opening, openingFor } from '../../wire/obfuscated2.ts'
import { type Claim, claiming } from './claiming.ts'
import { relay as pumpBytes } from './pump.ts'
import { closeSession, faulted, ms, reasonOf, type Session } from './session.ts'

/** While the datacenter is dialed the client is not read: what it sends waits in the kernel, within its window. */
export const waiting: LinkEvents<Session> = {
  bytes: () => {},
  drained: () => {},
  ended: () => {},
  lost: (session, error) => closeSession(session, 'client', reasonOf(error)),
  faulted,
}

/**
 * The way to the datacenter that the opening asks for: a warm socket, or a dial over its addresses. `told` is called
 * once it is clear whose session this is and before anything else is said of it. With
 * a `claim` the dial begins at once, and nothing passes before all proxies have been asked.
 */
export const connectDatacenter = (
  session: Session,
  opening: Opening,
  who: { mode: Mode; user: string },
  reported: () => void,
  claim: Claim | null,
): void => {
  const { relay, client } = session
  const { dc, media, id } = dcOf(opening.dc)
  const accepted = (): void => {
    session.who = { ...who, dc, media }
    session.phase = 'dial'
    relay.greeted(session)
    reported()
  }
  const arrived = (link: Link, address: Address, pooled: boolean, elapsedMs: number): void =>
    whenClaimed(session, link, () => connected(session, opening, link, address, pooled, elapsedMs))
  client.attach(waiting, session)
  client.pause()
  if (claim === null) accepted()
  else {
    relay.greetings.held(session)
    claiming(session, claim, () => {
      const { arrived } = session.claim!
      session.claim = null
      accepted()
      arrived?.()
    })
  }

  const pooled = relay.pool.take(id!)
  if (pooled !== null) return arrived(pooled.link, pooled.address, true, 0)
  session.dialing = relay.dialer.dial(
    relay.addresses(id!),
    {
      connected: (link, address, elapsedMs) => arrived(link, address, false, elapsedMs),
      missed: (...events) => relay.missed(id!, events, session.id),
      faulted: () => faulted(session),
      failed: (error) => {
        session.dialing = null
        whenClaimed(session, null, () =>
          // Descriptors that ran out here are no fault of the datacenter.
          error === 'no-descriptors'
            ? closeSession(session, 'proxy', 'limit')
            : closeSession(session, 'datacenter', error === 'timeout' ? 'timeout' : 'refused'),
        )
      },
    },
    relay.reserve(id!),
  )
}

/** A datacenter that is there before its client may use it. */
const early: LinkEvents<Session> = {
  bytes: () => {},
  drained: () => {},
  ended: () => {},
  lost: (session) => {
    session.datacenter = null
    session.claim!.arrived = () => closeSession(session, 'datacenter', 'reset')
  },
  faulted,
}

/** Goes on at once, or when the claim is answered. */
const whenClaimed = (session: Session, link: Link | null, then: () => void): void => {
  if (session.claim === null) return then()
  session.dialing = null
  session.datacenter = link
  link?.attach(early, session)
  session.claim.arrived = then
}

const connected = (
  session: Session,
  opening: Opening,
  link: Link,
  address: Address,
  pooled: boolean,
  elapsedMs: number,
): void => {
  const { relay } = session
  session.dialing = null
  session.datacenter = link
  session.phase = 'waiting'
  relay.emit({
    v: 1,
    type: 'datacenter.dialed',
    at: relay.epoch(),
    connection: session.id,
    ...session.who!,
    address: addressText(address),
    family: link.family,
    pooled,
    elapsedMs: ms(elapsedMs),
  })
  const fast = relay.settings.fastMode
  const own = openingFor({
    tag: opening.transport,
    dc: opening.dc,
    fast: fast ? { key: opening.proxyKey, iv: opening.proxyIv } : null,
    random: relay.random,
  })
  session.fromClient = makeCipher(opening.clientKey, opening.clientIv)
  relay.relaying++
  session.toDatacenter = makeCipher(own.encryptKey, own.encryptIv)
  if (!fast) {
    session.fromDatacenter = makeCipher(own.decryptKey, own.decryptIv)
    session.toClient = makeCipher(opening.proxyKey, opening.proxyIv)
  }
  pumpBytes(session, own.payload)
}
