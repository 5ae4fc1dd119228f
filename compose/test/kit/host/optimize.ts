import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { join } from 'node:path'

export const script = join(import.meta.dirname, '../../../host/optimize_system.sh')
const few = 'ulimit -n 1024; exec "$@"'

export type Shell = readonly string[]
export type Row = { now: string; wanted: string; verdict: string; state: string; why: string }

/** Runs the script with a low limit of open files on a folder in place of `/`. */
export const run = (
  shell: Shell,
  place: { path: string },
  args: readonly string[],
  options: { within?: readonly string[]; env?: Record<string, string> } = {},
): SpawnSyncReturns<string> => {
  const [command = '', ...rest] = [
    ...(options.within ?? []),
    'sh',
    '-c',
    few,
    'few',
    ...shell,
    script,
    ...args,
  ]
  const net = options.within === undefined ? {} : { MTSCOPE_NET: '' }
  const env = { PATH: process.env.PATH, MTSCOPE_ROOT: place.path, ...net, ...options.env }
  return spawnSync(command, rest, { encoding: 'utf8', env })
}

/** The rows of `--tsv` by setting. */
export const rowsOf = (output: string): Map<string, Row> =>
  new Map(
    output
      .split('\n')
      .filter((line) => line.startsWith('setting\t'))
      .map((line) => {
        const [, name = '', now = '', wanted = '', verdict = '', state = '', why = ''] = line.split('\t')
        return [name, { now, wanted, verdict, state, why }]
      }),
  )

/** Sysctls as files. */
export const net = (values: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`proc/sys/${name.replaceAll('.', '/')}`, `${value}\n`]),
  )

export const verdictsOf = (host: { path: string }): Map<string, Row> =>
  rowsOf(run(['sh'], host, ['--check', '--tsv']).stdout)
