import type { Meter } from '@opentelemetry/api'
import { apiActions } from '../events/api-action.ts'
import type { ProxyEvent } from '../events/contract.ts'
import { headerRefusals } from '../events/header-refusal.ts'
import { deathReasons, limits, losses } from '../events/sets.ts'
import { metrics } from './catalogue/catalogue.ts'
import { startAtZero } from './connection-metrics.ts'
import { observed } from './series.ts'

type Of<T extends ProxyEvent['type']> = Extract<ProxyEvent, { type: T }>

/** Metrics of this process, its limits and its losses: one function for each event. */
export const processMetrics = (meter: Meter, about: { readonly version: string; readonly node: string }) => {
  const refused = observed(meter, metrics.limitRefused)
  const headers = observed(meter, metrics.headersRefused)
  const unclaimed = observed(meter, metrics.replaysUnclaimed)
  const lost = observed(meter, metrics.eventsLost)
  const faults = observed(meter, metrics.internalErrors)()
  const deaths = observed(meter, metrics.threadDeaths)
  const openFds = observed(meter, metrics.openFds)
  const maxFds = observed(meter, metrics.maxFds)
  const loopDelay = observed(meter, metrics.loopDelaySeconds)
  const loopUtilization = observed(meter, metrics.loopUtilization)
  const gc = observed(meter, metrics.gcSeconds)()
  const reloads = observed(meter, metrics.configReloads)()
  const apiChanges = observed(meter, metrics.apiChanges)
  const startTime = observed(meter, metrics.startTime)
  startAtZero(refused, limits)
  startAtZero(headers, headerRefusals)
  startAtZero(lost, losses)
  startAtZero(deaths, deathReasons)
  startAtZero(apiChanges, apiActions)
  startAtZero(unclaimed, { local: true, refuse: true })
  observed(meter, metrics.buildInfo)(about.version, about.node).value = 1
  return {
    limitRefused: ({ limit, count }: Of<'limit.refused'>): void => {
      refused(limit).value += count
    },
    headerRefused: ({ reason, count }: Of<'header.refused'>): void => {
      headers(reason).value += count
    },
    unclaimed: ({ action, count }: Of<'replay.unclaimed'>): void => {
      unclaimed(action).value += count
    },
    faulted: ({ count }: Of<'process.faulted'>): void => {
      faults.value += count
    },
    threadDied: ({ reason }: Of<'thread.died'>): void => {
      deaths(reason).value++
    },
    lost: ({ reason, count }: Of<'events.lost'>): void => {
      lost(reason).value += count
    },
    started: ({ at }: Of<'process.started'>): void => {
      startTime().value = at / 1000
    },
    sampled: (event: Of<'process.sampled'>): void => {
      openFds().value = event.openFds
      maxFds().value = event.maxFds
      gc.value += event.gcMs / 1000
      for (const { thread, delayP50Ms, delayP99Ms, utilization } of event.loops) {
        loopDelay(thread, '50').value = delayP50Ms / 1000
        loopDelay(thread, '99').value = delayP99Ms / 1000
        loopUtilization(thread).value = utilization
      }
    },
    apiChanged: ({ action }: Of<'api.changed'>): void => {
      apiChanges(action).value++
    },
    reloaded: (): void => {
      reloads.value++
    },
  }
}
