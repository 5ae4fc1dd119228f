import type { Meter } from '@opentelemetry/api'
import type { ProxyEvent } from '../events/contract.ts'
import { metrics } from './catalogue/catalogue.ts'
import { histogram, observed } from './series.ts'

type Of<T extends ProxyEvent['type']> = Extract<ProxyEvent, { type: T }>

/** Failures in a row after which an upstream counts as down. */
const FAILURES = 3

/** Metrics of upstreams: one function for each event. `down` is called with the name of an upstream that goes down. */
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
  return {
    dialed: ({ upstream, pooled, elapsedMs }: Of<'datacenter.dialed'>): void => {
      if (upstream === undefined) return
      connections(upstream).value++
      if (pooled) return
      works(upstream)
      dial(elapsedMs / 1000, upstream)
    },
    dialFailed: ({ upstream }: Of<'datacenter.dial-failed'>): void => {
      if (upstream !== undefined) fails(upstream)
    },
    probed: ({ upstream, error }: Of<'datacenter.probed'>): void => {
      if (upstream === undefined) return
      if (error === undefined) works(upstream)
      else fails(upstream)
    },
    failed: ({ upstream, error }: Of<'upstream.failed'>): void => {
      fails(upstream)
      failures(upstream, error).value++
    },
  }
}
