import type { Meter } from '@opentelemetry/api'
import type { ProxyEvent } from '../events/contract.ts'
import { metrics } from './catalogue/catalogue.ts'
import { histogram, observed } from './series.ts'

type OfUpstream = Extract<
  ProxyEvent,
  { type: 'datacenter.dialed' | 'datacenter.dial-failed' | 'datacenter.probed' | 'upstream.failed' }
>

/** Failures of its own in a row after which an upstream counts as down. */
const FAILURES = 3

/** What is known of one upstream. */
type Standing = { failures: number; readonly answering: Set<string> }

/** Folds events into metrics of upstreams. `down` is called with the name of an upstream that goes down. */
export const upstreamMetricsOf = (meter: Meter, down: (upstream: string) => void) => {
  const up = observed(meter, metrics.upstreamUp)
  const connections = observed(meter, metrics.upstreamConnections)
  const dial = histogram(meter, metrics.upstreamSeconds)
  const failures = observed(meter, metrics.upstreamFailures)
  const standings = new Map<string, Standing>()
  const standingOf = (upstream: string): Standing => {
    const standing = standings.get(upstream) ?? { failures: 0, answering: new Set() }
    standings.set(upstream, standing)
    return standing
  }
  const show = (upstream: string, { answering }: Standing): void => {
    up(upstream).value = answering.size > 0 ? 1 : 0
  }
  const works = (upstream: string, address: string): void => {
    const standing = standingOf(upstream)
    standing.failures = 0
    standing.answering.add(address)
    show(upstream, standing)
  }
  /** One address does not answer through it; the others may. */
  const misses = (upstream: string, address: string): void => {
    const standing = standingOf(upstream)
    standing.answering.delete(address)
    show(upstream, standing)
  }
  const fails = (upstream: string): void => {
    const standing = standingOf(upstream)
    if (++standing.failures < FAILURES) return
    standing.answering.clear()
    show(upstream, standing)
    if (standing.failures === FAILURES) down(upstream)
  }
  return (event: OfUpstream): void => {
    const { upstream } = event
    if (upstream === undefined) return
    switch (event.type) {
      case 'datacenter.dialed':
        connections(upstream).value++
        if (event.pooled) return
        dial(event.elapsedMs / 1000, upstream)
        return works(upstream, event.address)
      case 'datacenter.probed':
        return (event.error === undefined ? works : misses)(upstream, event.address)
      case 'datacenter.dial-failed':
        return misses(upstream, event.address)
      case 'upstream.failed':
        failures(upstream, event.error).value++
        return fails(upstream)
    }
  }
}
