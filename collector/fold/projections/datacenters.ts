import type { ProxyEvent } from '../../../proxy/events/contract.ts'
import type { Tally } from '../delta.ts'
import { bucketFor, bucketKeys, latencyBounds } from '../histogram.ts'
import { labelled, routeKey } from '../key.ts'

const histograms = new Map<string, readonly string[]>()
const mostHistograms = 512

export const datacenterKeys = {
  /** By route (`dc/main|media/family`). A pooled connection does not count: it was dialed earlier. */
  dialed: labelled('dial.ok'),
  dialFailed: labelled('dial.fail'),
  probed: labelled('probe.ok'),
  probeFailed: labelled('probe.fail'),
  /** The last dial on a route, its last failed dial, and the last probe of `route/address`, or `route/address via upstream`. */
  lastDial: labelled('dial'),
  lastFailure: labelled('dial-error'),
  lastProbe: (route: string, address: string): string => `probe/${route}/${address}`,
  /** When a route, and a family on any route, last accepted a dial or answered a probe. */
  worked: labelled('worked'),
  /** Sum of the round trips of probes in µs, and their number: the quotient is a minute's mean. */
  roundTripUs: labelled('rtt.us'),
  roundTrips: labelled('rtt.n'),
  /** Histogram keys: for all routes, and for one. */
  roundTrip: bucketKeys('rtt', latencyBounds),
  roundTripOn: (route: string): readonly string[] => {
    const keys = histograms.get(route) ?? bucketKeys(`rtt.on/${route}`, latencyBounds)
    if (histograms.size >= mostHistograms) histograms.clear()
    histograms.set(route, keys)
    return keys
  },
} as const

const k = datacenterKeys

const probed = (event: Extract<ProxyEvent, { type: 'datacenter.probed' }>, tally: Tally): void => {
  const route = routeKey(event)
  const { tcpMs, resPqMs, error } = event
  const address = event.upstream === undefined ? event.address : `${event.address} via ${event.upstream}`
  tally.recent(k.lastProbe(route, address), {
    tcpMs: tcpMs ?? null,
    resPqMs: resPqMs ?? null,
    error: error ?? null,
  })
  if (error !== undefined || resPqMs === undefined) {
    tally.tick(k.probeFailed(route), 1)
    return
  }
  const bucket = bucketFor(latencyBounds, resPqMs)
  tally.recent(k.worked(route), true)
  tally.recent(k.worked(event.family), true)
  tally.tick(k.probed(route), 1)
  tally.tick(k.roundTrip[bucket]!, 1)
  tally.tick(k.roundTripOn(route)[bucket]!, 1)
  tally.minute(k.roundTripUs(route), Math.round(resPqMs * 1000))
  tally.minute(k.roundTrips(route), 1)
}

/** Whether and how fast each datacenter answers on each route, from probes and from dials. */
export const datacenters = (event: ProxyEvent, tally: Tally): Tally => {
  switch (event.type) {
    case 'datacenter.dialed': {
      // Its address is that of a middle proxy.
      if (event.via !== undefined) return tally
      const route = routeKey(event)
      tally.recent(k.lastDial(route), event.address)
      if (event.pooled) return tally
      tally.tick(k.dialed(route), 1)
      tally.recent(k.worked(route), true)
      tally.recent(k.worked(event.family), true)
      return tally
    }
    case 'datacenter.dial-failed': {
      const route = routeKey(event)
      tally.tick(k.dialFailed(route), 1)
      tally.ever(k.dialFailed(route), 1)
      tally.recent(k.lastFailure(route), { address: event.address, error: event.error })
      return tally
    }
    case 'datacenter.probed':
      probed(event, tally)
      return tally
    case 'upstream.failed':
    case 'connection.accepted':
    case 'handshake.accepted':
    case 'handshake.rejected':
    case 'connection.first-byte':
    case 'connection.progress':
    case 'connection.closed':
    case 'process.started':
    case 'process.stopped':
    case 'process.sampled':
    case 'header.refused':
    case 'limit.refused':
    case 'replay.unclaimed':
    case 'connections.summarised':
    case 'process.faulted':
    case 'networks.loaded':
    case 'thread.died':
    case 'events.lost':
    case 'middle-proxy.failed':
    case 'middle-proxy.probed':
    case 'middle-proxies.read':
    case 'api.changed':
    case 'config.reloaded':
    case 'user.added':
    case 'user.changed':
    case 'user.removed':
    case 'users.read':
      return tally
  }
}
