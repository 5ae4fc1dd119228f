import type { ProxyEvent } from '../../../proxy/events/contract.ts'
import type { Tally } from '../delta.ts'
import { labelled } from '../key.ts'

/** By `node/upstream`. */
export const upstreamKeys = {
  /** Connections that took it. */
  taken: labelled('up.taken'),
  /** Dials and probes through it that reached a datacenter, and those that did not. */
  worked: labelled('up.ok'),
  failed: labelled('up.fail'),
  /** When one last reached a datacenter. */
  lastWorked: labelled('up.worked'),
  lastFailure: labelled('up.error'),
} as const

const k = upstreamKeys

const works = (tally: Tally, upstream: string): void => {
  const key = `${tally.node}/${upstream}`
  tally.recent(k.lastWorked(key), true)
  tally.tick(k.worked(key), 1)
}

const fails = (tally: Tally, upstream: string, error: string): void => {
  const key = `${tally.node}/${upstream}`
  tally.recent(k.lastFailure(key), error)
  tally.tick(k.failed(key), 1)
  tally.ever(k.failed(key), 1)
}

/** Whether each upstream of each node reaches datacenters, from probes and from dials. */
export const upstreams = (event: ProxyEvent, tally: Tally): Tally => {
  switch (event.type) {
    case 'datacenter.dialed':
      if (event.upstream === undefined) return tally
      tally.ever(k.taken(`${tally.node}/${event.upstream}`), 1)
      if (!event.pooled) works(tally, event.upstream)
      return tally
    case 'datacenter.dial-failed':
      if (event.upstream !== undefined) fails(tally, event.upstream, event.error)
      return tally
    case 'datacenter.probed':
      if (event.upstream === undefined) return tally
      if (event.error === undefined) works(tally, event.upstream)
      else fails(tally, event.upstream, event.error)
      return tally
    case 'upstream.failed':
      fails(tally, event.upstream, event.error)
      return tally
    case 'middle-proxy.failed':
    case 'middle-proxy.probed':
    case 'middle-proxies.read':
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
    case 'api.changed':
    case 'user.added':
    case 'user.changed':
    case 'user.removed':
    case 'users.read':
    case 'config.reloaded':
      return tally
  }
}
