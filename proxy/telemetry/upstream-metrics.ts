import type { Meter } from '@opentelemetry/api'
import type { ProxyEvent } from '../events/contract.ts'
import { metrics } from './catalogue/catalogue.ts'
import { histogram, observed } from './series.ts'

type OfUpstream = Extract<
  ProxyEvent,
  { type: 'datacenter.dialed' | 'datacenter.dial-failed' | 'datacenter.probed' | 'upstream.failed' }
>

/** Failures in a row after which an upstream counts as down. */
const FAILURES = 3

/** Folds events into metrics of upstreams. `down` is called with the name of an upstream that goes down. */
export const upstreamMetricsOf = (meter: Meter, down: (upstream: string) => void) => {
  const up = observed(meter, metrics.upstreamUp)
  const connections = observed(meter, metrics.upstreamConnections)
  const dial = histogram(meter, metrics.upstreamSeconds)
  const failures = observed(meter, metrics.upstreamFailures)
  const failedInRow = new Map<string, number>()
  const works = (upstream: string): void => {
    failedInRow.set(upstream, 0)
    up(upstream).value = 1
  }
  const fails = (upstream: string): void => {
    const failed = (failedInRow.get(upstream) ?? 0) + 1
    failedInRow.set(upstream, failed)
    if (failed < FAILURES) return
    up(upstream).value = 0
    if (failed === FAILURES) down(upstream)
  }
  return (event: OfUpstream): void => {
    const { upstream } = event
    if (upstream === undefined) return
    switch (event.type) {
      case 'datacenter.dialed':
        connections(upstream).value++
        if (event.pooled) return
        dial(event.elapsedMs / 1000, upstream)
        return works(upstream)
      case 'datacenter.probed':
        return event.error === undefined ? works(upstream) : fails(upstream)
      case 'datacenter.dial-failed':
        return fails(upstream)
      case 'upstream.failed':
        failures(upstream, event.error).value++
        return fails(upstream)
    }
  }
}
