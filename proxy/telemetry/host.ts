import { readdirSync, readFileSync, statSync } from 'node:fs'
import { cpus } from 'node:os'

/** Time of all cores since boot, in any unit: shares are formed of differences. */
export type CpuTimes = { readonly busy: number; readonly total: number }

const linuxTimes = (): CpuTimes => {
  // user nice system idle iowait irq softirq steal; guest time is within user. proc_stat(5)
  const first = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0] ?? ''
  const ticks = first.split(/\s+/).slice(1, 9).map(Number)
  const total = ticks.reduce((sum, value) => sum + value, 0)
  return { busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0), total }
}

const portableTimes = (): CpuTimes => {
  let [busy, total] = [0, 0]
  for (const { times } of cpus()) {
    const all = times.user + times.nice + times.sys + times.idle + times.irq
    total += all
    busy += all - times.idle
  }
  return { busy, total }
}

const fallingBack =
  <T>(read: () => T, other: () => T) =>
  (): T => {
    try {
      return read()
    } catch {
      return other()
    }
  }

export const cpuTimes = fallingBack(linuxTimes, portableTimes)

/** Share of the cores' time that was not idle, 0–1. */
export const busyShare = (before: CpuTimes, after: CpuTimes): number => {
  const total = after.total - before.total
  return total > 0 ? Math.min(Math.max((after.busy - before.busy) / total, 0), 1) : 0
}

/** File descriptors open in this process; 0 where the system does not tell. */
export const openFds = fallingBack(
  // Since Linux 6.2 the size of the directory is the count; listing 20,000 of them takes milliseconds.
  () => statSync('/proc/self/fd').size || readdirSync('/proc/self/fd').length - 1,
  fallingBack(
    () => readdirSync('/dev/fd').length - 1,
    () => 0,
  ),
)

/** The soft limit of open files; 0 where the system does not tell, 2^53 - 1 for none. */
export const maxFds = fallingBack(
  () => {
    const limit = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]
    return limit === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(limit ?? 0)
  },
  () => 0,
)
