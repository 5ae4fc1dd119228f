import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { forget, startGroup } from './process-groups.ts'
import { type TestServer, testServers } from './services.ts'

export type Preparation = {
  /** Whether everything in `names` is installed, or cannot be. */
  isReady(names: readonly string[]): boolean
  /** Resolves when `isReady` holds. */
  ready(names: readonly string[]): Promise<void>
}

/**
 * Follows an installation that prints `ready NAME` after each name. Other lines are passed to `print`. When the output ends,
 * every name counts as ready: tests of a server that is still missing skip with that reason.
 */
export const followInstallation = (
  names: readonly string[],
  output: Readable,
  print: (line: string) => void,
): Preparation => {
  const missing = new Set(names)
  let changed = Promise.withResolvers<void>()
  const change = (): void => {
    changed.resolve()
    changed = Promise.withResolvers<void>()
  }
  createInterface({ input: output })
    .on('line', (line) => {
      const [, name] = /^ready (\S+)$/.exec(line) ?? []
      if (name === undefined) return print(line)
      missing.delete(name)
      change()
    })
    .on('close', () => {
      missing.clear()
      change()
    })
  const isReady = (needed: readonly string[]): boolean => !needed.some((name) => missing.has(name))
  return {
    isReady,
    ready: async (needed) => {
      while (!isReady(needed)) await changed.promise
    },
  }
}

/** The lines that a run prints before its first result. */
export const announcement = (missing: readonly Pick<TestServer, 'name' | 'installs'>[]): string =>
  [
    'Missing test servers, installed while the first tests run:',
    ...missing.map(({ name, installs }) => `  ${name}: ${installs}`),
    '',
  ].join('\n')

/**
 * Installs the missing servers of `names` in a process of its own, so that tests that do not need them run meanwhile. Prints
 * first what it will install. `build`: also builds what no package manager has.
 */
export const prepare = (names: ReadonlySet<string>, build: boolean): Preparation => {
  const missing = testServers.filter((server) => names.has(server.name) && !server.there(build))
  if (missing.length === 0) return { isReady: () => true, ready: async () => {} }
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  process.stdout.write(announcement(missing))
  const wanted = missing.map(({ name }) => name)
  const child = startGroup(process.execPath, [join(import.meta.dirname, 'prepare.ts'), ...wanted], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, MTSCOPE_TEST_BUILD: build ? 'yes' : 'no' },
  })
  void once(child, 'close').then(() => forget(child))
  return followInstallation(wanted, child.stdout!, print)
}
