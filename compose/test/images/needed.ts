import { spawnSync } from 'node:child_process'
import { ensure } from '../services/debian.ts'

/** What a command prints. Throws with what it complains of. */
export const output = (command: string, ...args: string[]): string => {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
  return stdout
}

/** Where a command is, installed where it is missing. Throws where it cannot be had. */
export const needed = (command: string, ...packages: string[]): string =>
  there(command, ensure(command, ...packages))

/** What was found. Throws where nothing was. */
export const there = <T>(name: string, found: T | null): T => {
  if (found === null) throw new Error(`${name} is missing, and cannot be had here`)
  return found
}
