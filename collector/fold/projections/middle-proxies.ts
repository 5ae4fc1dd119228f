import type { ProxyEvent } from '../../../proxy/events/contract.ts'
import type { Tally } from '../delta.ts'
import { dcOf, labelled, routeKey } from '../key.ts'

export const middleProxyKeys = {
  /** By route (`dc/main|media/family`) to the middle proxies of a datacenter. */
  probed: labelled('mp.ok'),
  probeFailed: labelled('mp.fail'),
  /** The last probe of `route/address`; it begins as no key of the datacenters does. */
  lastProbe: (route: string, address: string): string => `mp-probe/${route}/${address}`,
  /** When a probe on a route, or on any route of a family, last succeeded. */
  worked: labelled('mp.worked'),
  /** Clients of a datacenter that went through a middle proxy, or around all of them. */
  connections: labelled('mp.via'),
  fallbacks: labelled('mp.direct'),
  /** Failed connections to middle proxies, by datacenter; and the last one. */
  failures: labelled('mp.failed'),
  lastFailure: labelled('mp-error'),
  /** The last reading of a document: `node/document`. */
  read: labelled('mp.read'),
} as const

const k = middleProxyKeys

/** Which middle proxies answer, what goes through them and around them, and how old the documents about them are. */
export const middleProxies = (event: ProxyEvent, tally: Tally): Tally => {
  switch (event.type) {
    case 'middle-proxy.probed': {
      const route = routeKey(event)
      const { tcpMs = null, handshakeMs = null, pingMs = null, error = null } = event
      tally.recent(k.lastProbe(route, event.address), { tcpMs, handshakeMs, pingMs, error })
      if (pingMs === null || error !== null) {
        tally.tick(k.probeFailed(route), 1)
        return tally
      }
      tally.tick(k.probed(route), 1)
      tally.recent(k.worked(route), true)
      tally.recent(k.worked(event.family), true)
      return tally
    }
    case 'datacenter.dialed': {
      const dc = dcOf(event.dc)
      if (event.via !== undefined) {
        tally.tick(k.connections(dc), 1)
        tally.ever(k.connections(dc), 1)
      }
      if (event.fallback) {
        tally.tick(k.fallbacks(dc), 1)
        tally.ever(k.fallbacks(dc), 1)
      }
      return tally
    }
    case 'middle-proxy.failed': {
      const dc = dcOf(event.dc)
      tally.tick(k.failures(dc), 1)
      tally.ever(k.failures(dc), 1)
      tally.recent(k.lastFailure(dc), { address: event.address, error: event.error })
      return tally
    }
    case 'middle-proxies.read': {
      const { document, entries, fetchedAt = null, error = null } = event
      tally.recent(k.read(`${tally.node}/${document}`), { entries, fetchedAt, error })
      return tally
    }
    case 'connection.accepted':
    case 'handshake.accepted':
    case 'handshake.rejected':
    case 'datacenter.dial-failed':
    case 'upstream.failed':
    case 'connection.first-byte':
    case 'connection.progress':
    case 'connection.closed':
    case 'process.started':
    case 'process.stopped':
    case 'process.sampled':
    case 'datacenter.probed':
    case 'header.refused':
    case 'limit.refused':
    case 'replay.unclaimed':
    case 'connections.summarised':
    case 'process.faulted':
    case 'networks.loaded':
    case 'thread.died':
    case 'events.lost':
    case 'api.changed':
    case 'config.reloaded':
    case 'user.added':
    case 'user.changed':
    case 'user.removed':
    case 'users.read':
      return tally
  }
}
