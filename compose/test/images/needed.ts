import { spawnSync } from 'node:child_process'
import { ensure } from '../services/debian.ts'

/** The standard output of a command. Throws with its standard error when it fails. */
export const output = (command: string, ...args: string[]): string => {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
  return stdout
}

/** Path of a command, installed where it is missing. Throws where it cannot be installed. */
export const needed = (command: string, ...packages: string[]): string =>
  there(command, ensure(command, ...packages))

/** Returns `found`; throws where it is null. */
export const there = <T>(name: string, found: T | null): T => {
  if (found === null) throw new Error(`${name} is missing and cannot be installed here`)
  return found
}
