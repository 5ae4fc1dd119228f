import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/**
 * The standard output of a command. Throws with everything that it printed when it fails. Asynchronous on purpose: while this
 * process waits, it must read the logs of its servers, or they block on a full pipe.
 */
export const runCommand = async (
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
  cwd?: string,
): Promise<string> => {
  try {
    const options = { encoding: 'utf8', maxBuffer: 1 << 26, env: { ...process.env, ...env }, cwd } as const
    const { stdout } = await exec(command, args, options)
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${command} ${args.join(' ')}:\n${stdout}${stderr}`, { cause: error })
  }
}
