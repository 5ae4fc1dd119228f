import { readdirSync, readlinkSync } from 'node:fs'

const namespaceOf = (pid: number | string): string => {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch {
    return '' // it has ended
  }
}

/** The processes in the network namespace of process `holder`, without it. */
export const processesOf = (holder: number): number[] => {
  const namespace = namespaceOf(holder)
  if (namespace === '') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && namespaceOf(name) === namespace)
    .map(Number)
    .filter((pid) => pid !== holder)
}

export const kill = (pids: readonly number[]): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // it has ended
    }
  }
}
