import { monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks'
import type { LoopSample } from '../events/sample.ts'

/** A thread's measurement of itself; plain data, so that a worker can post it. */
export type ThreadSample = LoopSample & {
  /** Spent in garbage collection since the last sample. */
  readonly gcMs: number
}

/**
 * Measures the event loop of the calling thread. `sample()` covers the time since the previous one.
 * The delay is the time that one turn of the loop took, while everything else waited.
 */
export const watchLoop = (thread: string): { sample(): ThreadSample; stop(): void } => {
  // Sampled per turn: a timer of 10 ms would cost 0.35 % of a core on an idle machine.
  const delay = monitorEventLoopDelay({ samplePerIteration: true })
  delay.enable()
  let gcMs = 0
  const collections = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) gcMs += entry.duration
  })
  collections.observe({ entryTypes: ['gc'] })
  let last = performance.eventLoopUtilization()
  return {
    sample: () => {
      const current = performance.eventLoopUtilization()
      const { utilization } = performance.eventLoopUtilization(current, last)
      const turns = delay.count > 0
      const sample = {
        thread,
        delayP50Ms: turns ? delay.percentile(50) / 1e6 : 0,
        delayP99Ms: turns ? delay.percentile(99) / 1e6 : 0,
        utilization: Number.isFinite(utilization) ? Math.min(Math.max(utilization, 0), 1) : 0,
        gcMs,
      }
      last = current
      gcMs = 0
      delay.reset()
      return sample
    },
    stop: () => {
      delay.disable()
      collections.disconnect()
    },
  }
}
