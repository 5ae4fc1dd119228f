import { openSync, readdirSync, readSync, statSync } from 'node:fs'
import { cpus } from 'node:os'
import { getHeapStatistics } from 'node:v8'

/**
 * Reads the beginning of a file of /proc and keeps it open: without free descriptors no file can be opened, and just then
 * the numbers matter. Throws if the file is missing.
 */
export const held = (path: string, most = 4_096): (() => string) => {
  const bytes = Buffer.alloc(most)
  let fd: number | undefined
  return () => {
    fd ??= openSync(path, 'r')
    // The kernel returns a file of many records page by page.
    let length = 0
    for (let n = -1; n !== 0 && length < most; length += n)
      n = readSync(fd, bytes, length, most - length, length)
    return bytes.toString('latin1', 0, length)
  }
}
const stat = held('/proc/stat')
const limits = held('/proc/self/limits')
const status = held('/proc/self/status')

/** Time of all cores since boot; the unit does not matter, since only ratios of differences are used. */
export type CpuTimes = { readonly busy: number; readonly total: number }

const linuxTimes = (): CpuTimes => {
  // user nice system idle iowait irq softirq steal; guest time is within user. proc_stat(5)
  const first = stat().split('\n', 1)[0] ?? ''
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

export const cpuTimes = fallingBack(
  linuxTimes,
  fallingBack(portableTimes, () => ({ busy: 0, total: 0 })),
)

/** Share of the cores' time that was not idle, 0–1. */
export const busyShare = (before: CpuTimes, after: CpuTimes): number => {
  const total = after.total - before.total
  return total > 0 ? Math.min(Math.max((after.busy - before.busy) / total, 0), 1) : 0
}

/** The soft limit of open files; 0 if unknown, 2^53 - 1 for unlimited. */
export const maxFds = fallingBack(
  () => {
    const limit = /^Max open files\s+(\S+)/m.exec(limits())?.[1]
    return limit === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(limit ?? 0)
  },
  () => 0,
)

const listedFds = (folder: string): number => {
  try {
    return readdirSync(folder).length - 1
  } catch (error) {
    // No descriptor is left to open the list: all are in use.
    if ((error as NodeJS.ErrnoException).code === 'EMFILE') return maxFds()
    throw error
  }
}

/** Open file descriptors of this process; 0 if unknown. */
export const openFds = fallingBack(
  // Since Linux 6.2 the size of the directory is the count; listing 20,000 of them takes milliseconds.
  () => statSync('/proc/self/fd').size || listedFds('/proc/self/fd'),
  fallingBack(
    () => listedFds('/dev/fd'),
    () => 0,
  ),
)

/** Resident memory of this process, bytes; 0 if unknown. */
export const rssBytes = fallingBack(
  () => Number(/^VmRSS:\s+(\d+) kB/m.exec(status())![1]) * 1024,
  fallingBack(process.memoryUsage.rss, () => 0),
)

/** JavaScript heap of the main thread, bytes. Unlike process.memoryUsage it opens no file. */
export const heap = (): { readonly used: number; readonly external: number } => {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return { used: used_heap_size, external: external_memory }
}
