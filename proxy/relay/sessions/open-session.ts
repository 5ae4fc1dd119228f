import type { Ends, Link } from '../../net/link.ts'
import type { NamedClient } from '../../wire/proxy-protocol.ts'
import type { Listener, Relay, Session } from './session.ts'

/** The addresses and ports of the client's connection, to the load balancer where one names it; null: as of `Link.ends`. */
export const endsOf = ({ named, client }: Session): Ends | null => named ?? client.ends()

export const openSession = (
  relay: Relay,
  client: Link,
  listener: Listener,
  named: NamedClient | null,
  id: string,
  prefix: number,
): Session => {
  const { remote } = named ?? client
  return {
    relay,
    id,
    client,
    listener,
    remote,
    named,
    clientHash: relay.hashOf(remote),
    acceptedAt: relay.clock(),
    prefix,
    blocked: relay.isBlocked?.(remote) ?? false,
    phase: 'hello',
    serverName: null,
    handshake: null,
    received: null,
    kept: 0,
    dialing: null,
    pendingHost: null,
    claim: null,
    far: null,
    user: null,
    searching: false,
    endsAt: Number.POSITIVE_INFINITY,
    labels: null,
    signed: null,
    unwrap: null,
    pace: null,
    slot: -1,
    addressHash: null,
    seenAt: 0,
    chargedBytes: 0,
    refused: false,
    relayed: null,
    fronted: null,
    bytesToClient: 0,
    bytesToDatacenter: 0,
    activeAt: relay.now,
    clientEnded: false,
    farEnded: false,
    endedBy: null,
    endReason: 'done',
    closed: false,
  }
}
