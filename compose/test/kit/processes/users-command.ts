import { execFile } from 'node:child_process'
import { join } from 'node:path'

const program = join(import.meta.dirname, '../../../../proxy/user-store/command/main.ts')

export type Ran = { readonly code: number; readonly out: string; readonly err: string }

/** Runs `mtscope users` in a folder, with the settings of a program there. */
export const usersCommand = async (
  folder: string,
  words: readonly string[],
  { env = {}, stdin = '' }: { env?: Readonly<Record<string, string>>; stdin?: string } = {},
): Promise<Ran> => {
  const { promise, resolve } = Promise.withResolvers<Ran>()
  const child = execFile(
    process.execPath,
    [program, ...words],
    {
      cwd: folder,
      env: { PATH: process.env.PATH, DATA_DIR: join(folder, 'data'), PUBLIC_HOST: '203.0.113.5', ...env },
      maxBuffer: 64 * 2 ** 20,
    },
    (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err }),
  )
  child.stdin!.on('error', () => {})
  child.stdin!.end(stdin)
  return promise
}
