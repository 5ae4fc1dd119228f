import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Path of a command, or null. Debian keeps servers in sbin folders, which are in few PATHs. */
export const find = (command: string): string | null =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
    .map((folder) => join(folder, command))
    .find((path) => existsSync(path)) ?? null

// RUNLEVEL=1: the server of a package must not start on this machine; the tests start their own.
const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
const apt = (...args: string[]): boolean =>
  spawnSync('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=300', ...args], { stdio: 'ignore', env }).status ===
  0

/**
 * Path of a command of a Debian package, installed where it is missing: as root, on Debian, once. Null where the command is
 * missing and cannot be installed.
 */
export const ensure = (command: string, ...packages: string[]): string | null => {
  const there = find(command)
  if (there !== null || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return there
  process.stdout.write(`installing ${packages.join(', ')} for the tests\n`)
  const install = (): boolean => apt('install', '-y', '--no-install-recommends', ...packages)
  if (!install()) apt('update') && install()
  return find(command)
}
