import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { held } from './proc.ts'

const resources = ['cpu', 'memory', 'io'] as const

/** Counters of the kernel for this host and for the control group of this process; null where the kernel has none. */
export type Kernel = {
  /** Connections that the kernel dropped because the process did not accept them in time. */
  readonly listenOverflows: () => number | null
  /** Packets dropped before they reached a socket. */
  readonly packetsDropped: () => number | null
  /** Seconds since boot in which at least one task of this host waited, by resource. */
  readonly pressureSeconds: () => readonly (readonly [resource: string, seconds: number])[]
  readonly cpu: () => Throttling | null
}

/** Periods of the CPU limit, those that were throttled, and the time for which the group's cores were stopped. */
export type Throttling = {
  readonly periods: number
  readonly throttledPeriods: number
  readonly throttledSeconds: number
}

/** Bytes read per file: netstat is the longest, above 4 KiB on a current kernel. */
const most = 32_768

/** A counter of /proc/net/netstat, which has a line of names above each line of values. */
const netstat = (text: string, name: string): number | null => {
  const lines = text.split('\n').map((line) => line.split(' '))
  const at = lines.findIndex((line) => line.includes(name))
  const value = Number(lines[at + 1]?.[lines[at]?.indexOf(name) ?? -1])
  return at >= 0 && Number.isFinite(value) ? value : null
}

/** The second column of each core, in hexadecimal. */
const softnet = (text: string): number | null =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .reduce((sum, line) => sum + Number.parseInt(line.split(/\s+/)[1] ?? '', 16), 0)

const waitedSeconds = (text: string): number | null => {
  const total = /^some .* total=(\d+)$/m.exec(text)?.[1]
  return total === undefined ? null : Number(total) / 1e6
}

const throttling = (text: string): Throttling | null => {
  const field = (name: string): number | null => {
    const value = new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]
    return value === undefined ? null : Number(value)
  }
  const [periods, throttledPeriods] = [field('nr_periods'), field('nr_throttled')]
  // Microseconds in version 2 of the groups, nanoseconds in version 1.
  const [micro, nano] = [field('throttled_usec'), field('throttled_time')]
  if (periods === null || throttledPeriods === null) return null
  return { periods, throttledPeriods, throttledSeconds: micro === null ? (nano ?? 0) / 1e9 : micro / 1e6 }
}

/** Possible places of cpu.stat: cgroup v2 has one tree, v1 one for the CPU; a container sees itself at the root. */
const cpuStats = (root: string): string[] => {
  const own = existsSync(join(root, 'proc/self/cgroup'))
    ? readFileSync(join(root, 'proc/self/cgroup'), 'latin1')
    : ''
  const two = /^0::(\S+)$/m.exec(own)?.[1] ?? '/'
  const one = /^\d+:(?:\S*,)?cpu(?:,\S*)?:(\S+)$/m.exec(own)?.[1] ?? '/'
  return [[two], ['cpu', one], [], ['cpu']].map((at) => join(root, 'sys/fs/cgroup', ...at, 'cpu.stat'))
}

/**
 * Reads the counters on demand; all of them take half a millisecond. The files stay open, as in proc.ts; a missing file is
 * looked for once.
 */
export const watchKernel = (root = '/'): Kernel => {
  const reader = <T>(path: string | undefined, read: (text: string) => T | null): (() => T | null) => {
    if (path === undefined || !existsSync(path)) return () => null
    const text = held(path, most)
    const ask = (): T | null => {
      try {
        return read(text())
      } catch {
        return null // some kernels have pressure switched off: the file exists but cannot be read
      }
    }
    ask() // opens the file while there are descriptors
    return ask
  }
  const path = (name: string): string => join(root, 'proc', name)
  const waited = resources.map(
    (resource) => [resource, reader(path(`pressure/${resource}`), waitedSeconds)] as const,
  )
  // The root of all groups has no limit and no such counters.
  const limited = cpuStats(root).find(
    (file) => existsSync(file) && readFileSync(file, 'latin1').includes('nr_periods'),
  )
  return {
    listenOverflows: reader(path('self/net/netstat'), (text) => netstat(text, 'ListenOverflows')),
    packetsDropped: reader(path('self/net/softnet_stat'), softnet),
    pressureSeconds: () =>
      waited.flatMap(([resource, read]) => {
        const seconds = read()
        return seconds === null ? [] : [[resource, seconds] as const]
      }),
    cpu: reader(limited, throttling),
  }
}
