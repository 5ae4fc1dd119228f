import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const there = (name: string): boolean =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)))

/**
 * The shells that optimize_system.sh must run in, and its linter: what the system has, or on Debian, as root, what its
 * packages of the same name bring. Answers which of them are there.
 */
export const ensureShells = (names: readonly string[]): ReadonlySet<string> => {
  const missing = names.filter((name) => !there(name))
  if (missing.length > 0 && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const apt = (...args: string[]): boolean =>
      spawnSync('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=60', ...args], { stdio: 'ignore', env })
        .status === 0
    const install = (): boolean => apt('install', '-y', '--no-install-recommends', ...missing)
    if (!install()) apt('update') && install()
  }
  return new Set(names.filter(there))
}
