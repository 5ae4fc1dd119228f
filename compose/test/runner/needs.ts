import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesOf } from '../sources/files.ts'
import { reachedFrom, type Source } from '../sources/imports.ts'
import { type TestServer, testServers } from './services.ts'

/**
 * For each test file the names of the test servers whose modules its imports reach. A unit test needs none: it starts no
 * server, even where it imports code that can.
 */
export const needsOf = (
  tests: readonly string[],
  sources: readonly Source[],
  servers: readonly Pick<TestServer, 'name' | 'module'>[] = testServers,
): ReadonlyMap<string, readonly string[]> =>
  new Map(
    tests.map((test) => {
      if (test.endsWith('.unit.test.ts')) return [test, []]
      const reached = reachedFrom(test, sources)
      return [test, servers.filter(({ module }) => reached.has(module)).map(({ name }) => name)]
    }),
  )

/** Every TypeScript file below `root` with its text. */
export const readSources = (root: string): readonly Source[] =>
  filesOf(root, /\.ts$/).map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
