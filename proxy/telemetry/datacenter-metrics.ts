import type { Meter } from '@opentelemetry/api'
import type { ProxyEvent } from '../events/contract.ts'
import { metrics } from './catalogue/catalogue.ts'
import { histogram, observed } from './series.ts'

type Of<T extends ProxyEvent['type']> = Extract<ProxyEvent, { type: T }>

/** Metrics of dials and probes: one function for each event. */
export const datacenterMetrics = (meter: Meter) => {
  const dial = histogram(meter, metrics.dialSeconds)
  const dialFailures = observed(meter, metrics.dialFailures)
  const up = observed(meter, metrics.datacenterUp)
  const rtt = histogram(meter, metrics.datacenterSeconds)
  const probesFailed = observed(meter, metrics.datacenterProbesFailed)
  // A datacenter has several addresses, and is up when one of them answers.
  const answering = new Map<{ value: number }, Set<string>>()
  return {
    dialed: ({ elapsedMs, dc, pooled }: Of<'datacenter.dialed'>): void =>
      dial(elapsedMs / 1000, String(dc), String(pooled)),
    dialFailed: ({ dc, error }: Of<'datacenter.dial-failed'>): void => {
      dialFailures(String(dc), error).value++
    },
    probed: (event: Of<'datacenter.probed'>): void => {
      const labels = [String(event.dc), event.family, String(event.media)] as const
      const cell = up(...labels)
      const addresses = answering.get(cell) ?? new Set()
      answering.set(cell, addresses)
      const key = `${event.address} ${event.upstream ?? ''}`
      if (event.resPqMs === undefined) {
        addresses.delete(key)
        probesFailed(...labels, event.error ?? 'other').value++
      } else {
        addresses.add(key)
        rtt(event.resPqMs / 1000, ...labels)
      }
      cell.value = addresses.size > 0 ? 1 : 0
    },
    /** Through an upstream that is down, no address answers. */
    upstreamDown: (upstream: string): void => {
      for (const [cell, addresses] of answering) {
        for (const key of addresses) if (key.endsWith(` ${upstream}`)) addresses.delete(key)
        cell.value = addresses.size > 0 ? 1 : 0
      }
    },
  }
}
