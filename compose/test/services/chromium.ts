import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Path of a Chromium on this machine; null where there is none. */
export const findChromium = (): string | null =>
  process.env.CHROMIUM_PATH ?? places.find((place) => existsSync(place)) ?? null

const apt = (...args: string[]): boolean =>
  spawnSync('apt-get', ['-qq', ...args], {
    stdio: 'ignore',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  }).status === 0

/**
 * A Chromium for the tests of the status page: `CHROMIUM_PATH`, the system's, or on Debian, as root, the package,
 * installed once. Null where there is none and it cannot be installed.
 */
export const ensureChromium = async (): Promise<string | null> => {
  const there = findChromium()
  if (there !== null || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return there
  process.stdout.write('installing chromium for the tests of the status page\n')
  if (!apt('update') || !apt('install', '-y', '--no-install-recommends', 'chromium')) return null
  return findChromium()
}
