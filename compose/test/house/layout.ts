import { importsOf, isTest, type Source } from '../sources/imports.ts'
import type { Rule } from './rule.ts'

/** What may lie directly in these folders: everything else has a room. */
const flat: Readonly<Record<string, RegExp>> = {
  proxy: /^(?:main\.ts|README\.md)$/,
  collector: /^(?:main\.ts|README\.md)$/,
  dashboards: /^README\.md$/,
  compose: /^(?:appliance\.ts|README\.md)$/,
}

/** Code that only tests, proofs and benchmarks run. */
const forTests = /^compose\/(?:test|proofs)\//
const isForTests = (source: Source): boolean =>
  isTest(source) ||
  forTests.test(source.path) ||
  /\.bench\.ts$|^proxy\/bench\/|^compose\/(?:demo|generate)\//.test(source.path)

/** Each file lies in the room of its purpose, a test names its cost, and nothing that ships imports code for tests. */
export const layout: Rule = (source) => {
  const [folder = '', ...rest] = source.path.split('/')
  const found: string[] = []
  const allowed = flat[folder]
  if (allowed !== undefined && rest.length === 1 && !allowed.test(rest[0]!))
    found.push(`lies flat in ${folder}/`)
  if (/\.(?:test|e2e)\.ts$/.test(source.path) && !/\.(?:unit|int|e2e)\.test\.ts$/.test(source.path))
    found.push('is a test whose name gives no cost: .unit, .int or .e2e before .test.ts')
  if (/\.e2e\.test\.ts$/.test(source.path) && !source.path.startsWith('compose/test/e2e/'))
    found.push('is an end-to-end test outside compose/test/e2e/')
  if (!isForTests(source))
    for (const { target } of importsOf(source))
      if (forTests.test(target)) found.push(`imports ${target}, which only tests may`)
  return found
}

const room = /^(proxy\/[\w-]+)\//

/** Rooms of the proxy that the collector's code imports, sorted. */
export const roomsImported = (sources: readonly Source[]): readonly string[] =>
  [
    ...new Set(
      sources
        .filter((source) => source.path.startsWith('collector/') && !isForTests(source))
        .flatMap(importsOf)
        .flatMap(({ target }) => room.exec(target)?.[1] ?? []),
    ),
  ].sort()
