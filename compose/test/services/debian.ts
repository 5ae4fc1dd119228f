import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where a command is, null when nowhere. Debian keeps servers in sbin folders, which few PATHs have. */
export const find = (command: string): string | null =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
    .map((folder) => join(folder, command))
    .find((path) => existsSync(path)) ?? null

// RUNLEVEL=1: a package's own server must not start on this machine, the tests start theirs.
const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
const apt = (...args: string[]): boolean =>
  spawnSync('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=300', ...args], { stdio: 'ignore', env }).status ===
  0

/**
 * A command of a Debian package, which is installed where it is missing: as root, on Debian, once. Null where there is
 * none and none can be had.
 */
export const ensure = (command: string, ...packages: string[]): string | null => {
  const there = find(command)
  if (there !== null || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return there
  process.stdout.write(`installing ${packages.join(', ')} for the tests\n`)
  const install = (): boolean => apt('install', '-y', '--no-install-recommends', ...packages)
  if (!install()) apt('update') && install()
  return find(command)
}
