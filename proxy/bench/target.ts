import { setTimeout as after } from 'node:timers/promises'
import { cpuSeconds } from './usage.ts'

/** The proxy that is measured. */
export type Target = { readonly pid: number; readonly port: number; readonly secret: Buffer }

/** Facts of the work reach the last of their readers in this time: telemetry is charged for, too. */
const SETTLE_MS = 400

/** What a process spends on some work and on what follows from it, and how long the work took. */
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
