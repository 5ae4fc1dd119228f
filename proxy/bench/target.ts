import { setTimeout as after } from 'node:timers/promises'
import { cpuSeconds } from './usage.ts'

/** The measured proxy. */
export type Target = { readonly pid: number; readonly port: number; readonly secret: Buffer }

/** Within this time the events of the work have reached their last reader, so that telemetry is counted, too. */
const SETTLE_MS = 400

/** CPU time of a process for some work with its telemetry, and the duration of the work. */
export const charged = async (
  pid: number,
  work: () => Promise<unknown>,
): Promise<{ cpuSeconds: number; seconds: number }> => {
  const before = cpuSeconds(pid)
  const start = performance.now()
  await work()
  const seconds = (performance.now() - start) / 1000
  await after(SETTLE_MS)
  return { cpuSeconds: cpuSeconds(pid) - before, seconds }
}
