import type { Meter } from '@opentelemetry/api'
import type { ProxyEvent } from '../events/contract.ts'
import { metrics } from './catalogue/catalogue.ts'
import { observed } from './series.ts'

/** Metrics of BLOCK_LISTS and ALLOW_LISTS. */
export const networkMetrics = (meter: Meter) => {
  const networks = observed(meter, metrics.listNetworks)
  const failed = observed(meter, metrics.listSourcesFailed)
  const missing = observed(meter, metrics.listSourcesMissing)
  const time = observed(meter, metrics.listTime)
  return {
    loaded: (event: Extract<ProxyEvent, { type: 'networks.loaded' }>): void => {
      const { list, at, ageMs } = event
      networks(list).value = event.networks
      failed(list).value = event.failed
      missing(list).value = event.missing
      time(list).value = (at - ageMs) / 1000
    },
  }
}
