import type { Meter } from '@opentelemetry/api'
import type { ProxyEvent } from '../events/contract.ts'
import { metrics } from './catalogue/catalogue.ts'
import { connectionMetrics } from './connection-metrics.ts'
import { datacenterMetrics } from './datacenter-metrics.ts'
import { middleProxyMetrics } from './middle-proxy-metrics.ts'
import { networkMetrics } from './network-metrics.ts'
import { processMetrics } from './process-metrics.ts'
import { observed } from './series.ts'
import { observeSources, type Sources } from './sources.ts'
import { upstreamMetricsOf } from './upstream-metrics.ts'

type About = { readonly version: string; readonly node: string }

/** For each event what it changes; null: nothing. */
type Handlers = {
  readonly [T in ProxyEvent['type']]: ((event: Extract<ProxyEvent, { type: T }>) => void) | null
}

const handlersOf = (meter: Meter, about: About): Handlers => {
  const connection = connectionMetrics(meter)
  const datacenter = datacenterMetrics(meter)
  const middleProxy = middleProxyMetrics(meter)
  const networks = networkMetrics(meter)
  const process = processMetrics(meter, about)
  const upstream = upstreamMetricsOf(meter, datacenter.upstreamDown)
  return {
    'connection.accepted': connection.accepted,
    'handshake.accepted': connection.authenticated,
    'handshake.rejected': connection.rejected,
    'connection.first-byte': connection.firstByte,
    'connection.progress': connection.progressed,
    'connection.closed': connection.closed,
    'connections.summarised': connection.summarised,
    'datacenter.dialed': (event) => {
      upstream(event)
      middleProxy.dialed(event)
      datacenter.dialed(event)
    },
    'datacenter.dial-failed': (event) => {
      upstream(event)
      datacenter.dialFailed(event)
    },
    'datacenter.probed': (event) => {
      upstream(event)
      datacenter.probed(event)
    },
    'upstream.failed': upstream,
    'middle-proxy.failed': middleProxy.failed,
    'middle-proxy.probed': middleProxy.probed,
    'middle-proxies.read': middleProxy.read,
    'networks.loaded': networks.loaded,
    'header.refused': process.headerRefused,
    'limit.refused': process.limitRefused,
    'replay.unclaimed': process.unclaimed,
    'process.faulted': process.faulted,
    'thread.died': process.threadDied,
    'events.lost': process.lost,
    'process.started': process.started,
    'process.sampled': process.sampled,
    'process.stopped': null,
    'config.reloaded': process.reloaded,
    'api.changed': process.apiChanged,
    'user.added': null,
    'user.changed': null,
    'user.removed': null,
    'users.read': null,
  }
}

/** Folds events into metrics. Every number comes from an event or, at a scrape, from `sources`. */
export const foldMetrics = (
  meter: Meter,
  about: About,
  sources: Sources = {},
): ((event: ProxyEvent) => void) => {
  const emitted = observed(meter, metrics.eventsEmitted)()
  const handlers = handlersOf(meter, about)
  observeSources(meter, sources)
  return (event) => {
    emitted.value++
    // The handler of its own type.
    const handler = handlers[event.type] as ((event: ProxyEvent) => void) | null
    handler?.(event)
  }
}
