import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'

const graceMs = 5_000
const running = new Set<ChildProcess>()

const signal = (child: ChildProcess, name: NodeJS.Signals | 0): boolean => {
  if (child.pid === undefined) return false
  try {
    return process.kill(-child.pid, name)
  } catch {
    return false // the group is empty
  }
}

/** Starts a command in a process group of its own. Call `forget` when the group is known to be empty. */
export const startGroup = (command: string, args: readonly string[], options: SpawnOptions): ChildProcess => {
  const child = spawn(command, [...args], { ...options, detached: true })
  running.add(child)
  return child
}

export const forget = (child: ChildProcess): void => void running.delete(child)

/** Waits up to 5 s until the group is empty; whether it is. */
export const isEmpty = async (child: ChildProcess): Promise<boolean> => {
  for (let waited = 0; waited < graceMs && signal(child, 0); waited += 50) await wait(50)
  return !signal(child, 0)
}

/** Ends a process and all that it started: SIGTERM, so that browsers end too, and after 5 s SIGKILL. */
export const endGroup = async (child: ChildProcess): Promise<void> => {
  signal(child, 'SIGTERM')
  if (!(await isEmpty(child))) signal(child, 'SIGKILL')
}

/** For an interrupted run. */
export const endAll = async (): Promise<void> => {
  await Promise.all([...running].map(endGroup))
}

/** For a run that is interrupted again: without any wait. */
export const killAll = (): void => {
  for (const child of running) signal(child, 'SIGKILL')
}
