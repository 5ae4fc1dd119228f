import { availableParallelism } from 'node:os'
import type { Emit } from '../events/contract.ts'
import { type ThreadSample, watchLoop } from './event-loop.ts'
import { busyShare, cpuTimes, heap, maxFds, openFds, rssBytes } from './proc.ts'

export type Sampling = {
  readonly emit: Emit
  /** Epoch, ms. */
  readonly now: () => number
  /** The latest sample of each worker thread, each returned once: a repeated gcMs would count twice. */
  readonly workers: () => readonly ThreadSample[]
  readonly openConnections: () => number
  readonly intervalMs?: number
}

/**
 * Emits `process.sampled` every 10 s for the whole process and its host. `sample()` emits one immediately, as at a
 * shutdown. The timer does not keep the process alive.
 */
export const sampleProcess = (sampling: Sampling): { sample(): void; stop(): void } => {
  const { emit, now, workers, openConnections, intervalMs = 10_000 } = sampling
  const loop = watchLoop('main')
  let last = { at: performance.now(), cpu: process.cpuUsage(), host: cpuTimes() }

  const sample = (): void => {
    const current = { at: performance.now(), cpu: process.cpuUsage(), host: cpuTimes() }
    const threads = [loop.sample(), ...workers()]
    const { used, external } = heap()
    emit({
      v: 1,
      type: 'process.sampled',
      at: now(),
      intervalMs: Math.round(current.at - last.at),
      cpuUserMs: (current.cpu.user - last.cpu.user) / 1000,
      cpuSystemMs: (current.cpu.system - last.cpu.system) / 1000,
      hostCpu: busyShare(last.host, current.host),
      cores: availableParallelism(),
      rssBytes: rssBytes(),
      heapUsedBytes: used,
      externalBytes: external,
      loops: threads.map(({ gcMs: _, ...sample }) => sample),
      openFds: openFds(),
      maxFds: maxFds(),
      gcMs: threads.reduce((sum, { gcMs }) => sum + gcMs, 0),
      openConnections: openConnections(),
      uptimeSeconds: process.uptime(),
    })
    last = current
  }

  const timer = setInterval(sample, intervalMs).unref()
  return {
    sample,
    stop: () => {
      clearInterval(timer)
      loop.stop()
    },
  }
}
