import type { Meter } from '@opentelemetry/api'
import type { ProxyEvent } from '../events/contract.ts'
import { metrics } from './catalogue/catalogue.ts'
import { connectionMetrics } from './connection-metrics.ts'
import { datacenterMetrics } from './datacenter-metrics.ts'
import { middleProxyMetrics } from './middle-proxy-metrics.ts'
import { processMetrics } from './process-metrics.ts'
import { observed } from './series.ts'
import { observeSources, type Sources } from './sources.ts'
import { upstreamMetricsOf } from './upstream-metrics.ts'

type About = { readonly version: string; readonly node: string }

const partsOf = (meter: Meter, about: About) => {
  const datacenter = datacenterMetrics(meter)
  return {
    emitted: observed(meter, metrics.eventsEmitted)(),
    connection: connectionMetrics(meter),
    datacenter,
    middleProxy: middleProxyMetrics(meter),
    upstream: upstreamMetricsOf(meter, datacenter.upstreamDown),
    process: processMetrics(meter, about),
  }
}

/** Folds events into metrics. Every number comes from an event or, at a scrape, from `sources`. */
export const foldMetrics = (
  meter: Meter,
  about: About,
  sources: Sources = {},
): ((event: ProxyEvent) => void) => {
  const { emitted, connection, datacenter, middleProxy, upstream, process } = partsOf(meter, about)
  observeSources(meter, sources)

  return (event) => {
    emitted.value++
    if ('upstream' in event) upstream(event)
    switch (event.type) {
      case 'connection.accepted':
        return connection.accepted()
      case 'handshake.accepted':
        return connection.authenticated(event)
      case 'handshake.rejected':
        return connection.rejected(event)
      case 'connection.first-byte':
        return connection.firstByte(event)
      case 'connection.progress':
        return connection.progressed(event)
      case 'connection.closed':
        return connection.closed(event)
      case 'connections.summarised':
        return connection.summarised(event)
      case 'datacenter.dialed':
        middleProxy.dialed(event)
        return datacenter.dialed(event)
      case 'datacenter.dial-failed':
        return datacenter.dialFailed(event)
      case 'datacenter.probed':
        return datacenter.probed(event)
      case 'middle-proxy.failed':
        return middleProxy.failed(event)
      case 'middle-proxy.probed':
        return middleProxy.probed(event)
      case 'middle-proxies.read':
        return middleProxy.read(event)
      case 'limit.refused':
        return process.limitRefused(event)
      case 'replay.unclaimed':
        return process.unclaimed(event)
      case 'process.faulted':
        return process.faulted(event)
      case 'thread.died':
        return process.threadDied(event)
      case 'events.lost':
        return process.lost(event)
      case 'process.started':
        return process.started(event)
      case 'process.sampled':
        return process.sampled(event)
      case 'config.reloaded':
        return process.reloaded()
      case 'api.changed':
        return process.apiChanged(event)
      case 'upstream.failed':
      case 'process.stopped':
      case 'user.added':
      case 'user.changed':
      case 'user.removed':
        return
    }
    event satisfies never
  }
}
