import { setTimeout as after } from 'node:timers/promises'
import { spent, usageOf } from './usage.ts'

/** The measured proxy: `pid` is the root of its processes, `domain` the name in its clients' hellos. */
export type Target = {
  readonly pid: number
  readonly port: number
  readonly secret: Buffer
  readonly domain: string
}

/** Within this time the events of the work have reached their last reader, so that telemetry is counted, too. */
const SETTLE_MS = 400

export type Charge = { cpuSeconds: number; wakeUps: number; seconds: number }

/** CPU time and wake-ups of a process tree for some work with its telemetry, and the duration of the work. */
export const charged = async (pid: number, work: () => Promise<unknown>): Promise<Charge> => {
  const before = usageOf(pid)
  const start = performance.now()
  await work()
  const seconds = (performance.now() - start) / 1000
  await after(SETTLE_MS)
  return { ...spent(before, usageOf(pid)), seconds }
}
