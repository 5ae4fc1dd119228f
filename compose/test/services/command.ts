import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/**
 * What a command prints. Throws with all that it said when it fails. It is not waited for by standing still: a server that is
 * this process's child could not write its log meanwhile, and would stand still, too.
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
