import type { Meter } from '@opentelemetry/api'
import type { ProxyEvent } from '../events/contract.ts'
import { metrics } from './catalogue/catalogue.ts'
import { histogram, observed } from './series.ts'

type Of<T extends ProxyEvent['type']> = Extract<ProxyEvent, { type: T }>

/** Metrics of the middle proxies: one function for each event. */
export const middleProxyMetrics = (meter: Meter) => {
  const up = observed(meter, metrics.middleProxyUp)
  const rtt = histogram(meter, metrics.middleProxySeconds)
  const probesFailed = observed(meter, metrics.middleProxyProbesFailed)
  const connections = observed(meter, metrics.middleProxyConnections)
  const failures = observed(meter, metrics.middleProxyFailures)
  const fallbacks = observed(meter, metrics.middleProxyFallbacks)
  const documentTime = observed(meter, metrics.middleProxyDocumentTime)
  const readFailures = observed(meter, metrics.middleProxyReadFailures)
  // A datacenter has several middle proxies, and one that answers is enough.
  const answering = new Map<object, Set<string>>()
  return {
    dialed: ({ dc, via, fallback }: Of<'datacenter.dialed'>): void => {
      if (via !== undefined) connections(String(dc)).value++
      if (fallback) fallbacks(String(dc)).value++
    },
    failed: ({ dc, error }: Of<'middle-proxy.failed'>): void => {
      failures(String(dc), error).value++
    },
    probed: (event: Of<'middle-proxy.probed'>): void => {
      const labels = [String(event.dc), event.family, String(event.media)] as const
      const cell = up(...labels)
      const addresses = answering.get(cell) ?? new Set()
      answering.set(cell, addresses)
      if (event.pingMs === undefined) {
        addresses.delete(event.address)
        probesFailed(...labels, event.error ?? 'other').value++
      } else {
        addresses.add(event.address)
        rtt(event.pingMs / 1000, ...labels)
      }
      cell.value = addresses.size > 0 ? 1 : 0
    },
    read: ({ document, fetchedAt, error }: Of<'middle-proxies.read'>): void => {
      if (fetchedAt !== undefined) documentTime(document).value = fetchedAt / 1000
      if (error !== undefined) readFailures(document, error).value++
    },
  }
}
