import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { filesOf } from '../sources/files.ts'
import { reachedFrom, type Source } from '../sources/imports.ts'
import { type TestServer, testServers } from './services.ts'

/** For each test file the names of the test servers that its imports reach. */
export const needsOf = (root: string, tests: readonly string[]): ReadonlyMap<string, readonly string[]> => {
  const sources: readonly Source[] = filesOf(root, /\.ts$/).map((path) => ({
    path,
    text: readFileSync(join(root, path), 'utf8'),
  }))
  return new Map(
    tests.map((test) => {
      const reached = reachedFrom(test, sources)
      return [test, testServers.filter(({ module }) => reached.has(module)).map(({ name }) => name)]
    }),
  )
}

export type Preparation = {
  /** Resolves when everything in `names` is installed or cannot be. */
  ready(names: readonly string[]): Promise<void>
  isReady(names: readonly string[]): boolean
  end(): void
}

/**
 * Installs what is missing of `names` in a process of its own, so that tests that do not need it run meanwhile. Prints what
 * it will install before it begins. `build`: also what has to be built from source.
 */
export const prepare = (names: ReadonlySet<string>, build: boolean): Preparation => {
  const missing = testServers.filter((server) => names.has(server.name) && !server.there(build))
  const ready = new Set(testServers.map(({ name }) => name))
  for (const { name } of missing) ready.delete(name)
  if (missing.length === 0) return { ready: async () => {}, isReady: () => true, end: () => {} }
  announce(missing)
  let changed = Promise.withResolvers<void>()
  const change = (): void => {
    changed.resolve()
    changed = Promise.withResolvers<void>()
  }
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'prepare.ts'), ...missing.map(({ name }) => name)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, MTSCOPE_TEST_BUILD: build ? 'yes' : 'no' },
    },
  )
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [, name] = /^ready (\S+)$/.exec(line) ?? []
    if (name === undefined) return void process.stdout.write(`${line}\n`)
    ready.add(name)
    change()
  })
  child.once('close', () => {
    for (const { name } of missing) ready.add(name)
    change()
  })
  const isReady = (needed: readonly string[]): boolean => needed.every((name) => ready.has(name))
  return {
    isReady,
    ready: async (needed) => {
      while (!isReady(needed)) await changed.promise
    },
    end: () => void child.kill('SIGTERM'),
  }
}

const announce = (missing: readonly TestServer[]): void => {
  const lines = missing.map(({ name, installs }) => `  ${name}: ${installs}\n`)
  process.stdout.write(
    `Test servers that this machine lacks; they are installed while the first tests run:\n${lines.join('')}`,
  )
}
