import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ, the unit of CPU times in /proc: proc(5). */
const TICKS = 100
/** Largest rounding of the CPU times in /proc between two readings, seconds. */
const ROUNDING = 2 / TICKS

const read = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null // The process or thread has ended since its folder was listed.
  }
}

const list = (path: string): string[] => {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** The fields of /proc/PID/stat from the third, the state. The name before them may contain spaces and parentheses. */
const fieldsOf = (pid: number | string): string[] | null => {
  const stat = read(`/proc/${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? null
}

/** A process and all its descendants. */
export const treeOf = (root: number): number[] => {
  const children = Map.groupBy(
    list('/proc').filter((name) => /^\d+$/.test(name)),
    (pid) => Number(fieldsOf(pid)?.[1]),
  )
  const below = (pid: number): number[] => [
    pid,
    ...(children.get(pid) ?? []).flatMap((child) => below(Number(child))),
  ]
  return below(root)
}

/** CPU and wake-ups of a process tree so far. */
export type Usage = {
  /** User and system CPU, with that of ended threads and children, in steps of 10 ms. */
  readonly seconds: number
  /** CPU in nanoseconds, and how often it slept, of each thread alive. */
  readonly threads: ReadonlyMap<string, { readonly ns: number; readonly sleeps: number }>
}

const secondsOf = (pid: number): number => {
  const fields = fieldsOf(pid)
  // utime, stime, and both of the children it has waited for.
  return fields ? [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0) / TICKS : 0
}

const threadsOf = (pid: number): [string, { ns: number; sleeps: number }][] =>
  list(`/proc/${pid}/task`).map((task) => {
    const path = `/proc/${pid}/task/${task}`
    const sleeps = /^voluntary_ctxt_switches:\s+(\d+)/m.exec(read(`${path}/status`) ?? '')?.[1]
    return [task, { ns: Number.parseInt(read(`${path}/schedstat`) ?? '0', 10), sleeps: Number(sleeps ?? 0) }]
  })

export const usageOf = (pid: number): Usage => {
  const tree = treeOf(pid)
  return {
    seconds: tree.reduce((sum, one) => sum + secondsOf(one), 0),
    threads: new Map(tree.flatMap(threadsOf)),
  }
}

/** CPU seconds and wake-ups of a process tree between two readings. */
export const spent = (before: Usage, after: Usage): { cpuSeconds: number; wakeUps: number } => {
  let [ns, wakeUps] = [0, 0]
  for (const [task, now] of after.threads) {
    const was = before.threads.get(task) ?? { ns: 0, sleeps: 0 }
    ns += now.ns - was.ns
    wakeUps += now.sleeps - was.sleeps
  }
  // The threads are exact, but miss what has ended.
  return { cpuSeconds: Math.max(ns / 1e9, after.seconds - before.seconds - ROUNDING), wakeUps }
}

/** Resident memory of a process tree, bytes; pages that processes share count in each. */
export const rssBytes = (pid: number): number =>
  treeOf(pid).reduce((sum, one) => {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${one}/status`) ?? '')?.[1]
    return sum + Number(kilobytes ?? 0) * 1024
  }, 0)
