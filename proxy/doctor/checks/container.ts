import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Check, type Finding, finding } from '../finding.ts'

/** Limits of the control group of this process; null: no limit, or the kernel does not report it. */
export type Limits = {
  readonly memory: number | null
  readonly memoryUsed: number | null
  readonly killed: number
  /** Cores. */
  readonly cpu: number | null
  readonly periods: number
  readonly throttled: number
  readonly tasks: number | null
  readonly tasksUsed: number | null
}

const textOf = (path: string): string | null => {
  try {
    return readFileSync(path, 'latin1').trim()
  } catch {
    return null
  }
}

const number = (text: string | null | undefined): number | null =>
  text !== null && text !== undefined && /^\d+$/.test(text) ? Number(text) : null

// In version 1 a number near 2^63 stands for "no limit".
const endless = 2 ** 60
const limit = (text: string | null): number | null => {
  const value = number(text)
  return value === null || value >= endless ? null : value
}

const field = (text: string | null, name: string): number =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text ?? '')?.[1] ?? 0)

/** Version 2 has one tree, version 1 one per controller; a container finds its own group at their root. */
export const readLimits = (root = '/sys/fs/cgroup', own = textOf('/proc/self/cgroup') ?? ''): Limits => {
  const path = (controller: string): string =>
    new RegExp(`^\\d+:(?:\\S*,)?${controller}(?:,\\S*)?:(\\S+)$`, 'm').exec(own)?.[1] ?? '/'
  const group = /^0::(\S+)$/m.exec(own)?.[1] ?? '/'
  const two = (file: string): string | null => textOf(join(root, group, file)) ?? textOf(join(root, file))
  const one = (controller: string, file: string): string | null =>
    textOf(join(root, controller, path(controller), file)) ?? textOf(join(root, controller, file))
  if (textOf(join(root, 'cgroup.controllers')) !== null) {
    const [quota, period] = (two('cpu.max') ?? '').split(' ').map(number)
    const stat = two('cpu.stat')
    return {
      memory: limit(two('memory.max')),
      memoryUsed: number(two('memory.current')),
      killed: field(two('memory.events'), 'oom_kill'),
      cpu: quota && period ? quota / period : null,
      periods: field(stat, 'nr_periods'),
      throttled: field(stat, 'nr_throttled'),
      tasks: limit(two('pids.max')),
      tasksUsed: number(two('pids.current')),
    }
  }
  const quota = number(one('cpu', 'cpu.cfs_quota_us'))
  const period = number(one('cpu', 'cpu.cfs_period_us'))
  const stat = one('cpu', 'cpu.stat')
  return {
    memory: limit(one('memory', 'memory.limit_in_bytes')),
    memoryUsed: number(one('memory', 'memory.usage_in_bytes')),
    killed: field(one('memory', 'memory.oom_control'), 'oom_kill'),
    cpu: quota && period ? quota / period : null,
    periods: field(stat, 'nr_periods'),
    throttled: field(stat, 'nr_throttled'),
    tasks: limit(one('pids', 'pids.max')),
    tasksUsed: number(one('pids', 'pids.current')),
  }
}

const mebi = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`

/** Memory of the process without clients, and per relayed client: measured, with a margin. */
const base = 150 * 1_048_576
const perClient = 24 * 1_024

const memory = (limits: Limits, clients: number): Finding => {
  const { memory: most, memoryUsed: used, killed } = limits
  const id = 'container.memory'
  const numbers = { ...(most ? { limit: most } : {}), ...(used ? { used } : {}), killed }
  if (killed > 0) {
    return finding(
      id,
      'warn',
      `the kernel killed ${killed} processes in this container or unit because memory ran out`,
      {
        advice: 'raise the memory limit, or lower MAX_CONNECTIONS',
        numbers,
      },
    )
  }
  if (most === null) return finding(id, 'ok', 'memory is not limited', { numbers })
  const full = used !== null && used > 0.9 * most
  const states = `memory is limited to ${mebi(most)}, ${used === null ? '?' : mebi(used)} used`
  if (full || most < base + perClient * clients) {
    return finding(
      id,
      full ? 'warn' : 'note',
      `${states}; MAX_CONNECTIONS=${clients} may take ${mebi(base + perClient * clients)}`,
      {
        advice: `raise the memory limit, or set MAX_CONNECTIONS=${Math.max(100, Math.floor((most - base) / perClient))}`,
        numbers,
      },
    )
  }
  return finding(id, 'ok', states, { numbers })
}

const cpu = ({ cpu: cores, periods, throttled }: Limits, workers: number): Finding => {
  const id = 'container.cpu'
  const share = periods > 0 ? throttled / periods : 0
  const numbers = { ...(cores === null ? {} : { cores }), throttled, periods }
  if (share > 0.05) {
    return finding(
      id,
      'warn',
      `the CPU limit stopped this container or unit in ${Math.round(100 * share)} % of its periods, and every client waited`,
      {
        advice: 'raise or remove the CPU limit (cpus in compose.yaml)',
        numbers,
      },
    )
  }
  if (cores === null) return finding(id, 'ok', 'the CPU is not limited', { numbers })
  return cores < workers
    ? finding(id, 'note', `the CPU is limited to ${cores} cores, which ${workers} relay threads share`, {
        advice: `set WORKERS=${Math.max(1, Math.floor(cores))}`,
        numbers,
      })
    : finding(id, 'ok', `the CPU is limited to ${cores} cores`, { numbers })
}

/** Threads of the process without the workers: the main one, V8's, libuv's. */
const threads = 16

const tasks = ({ tasks: most, tasksUsed: used }: Limits, workers: number): Finding => {
  const id = 'container.tasks'
  const numbers = { ...(most === null ? {} : { limit: most }), ...(used === null ? {} : { used }) }
  return most !== null && most - (used ?? 0) < workers + threads
    ? finding(
        id,
        'warn',
        `the limit is ${most} processes and threads, and ${used ?? '?'} exist: the proxy may fail to start its threads`,
        {
          advice: `set pids_limit to ${most + 256} or more`,
          numbers,
        },
      )
    : finding(
        id,
        'ok',
        most === null ? 'threads are not limited' : `threads are limited to ${most}, which is enough`,
        {
          numbers,
        },
      )
}

export const judge = (limits: Limits, clients: number, workers: number): readonly Finding[] => [
  memory(limits, clients),
  cpu(limits, workers),
  tasks(limits, workers),
]

export const containerCheck: Check = ({ config }) =>
  judge(readLimits(), config.maxConnections, config.workers)
