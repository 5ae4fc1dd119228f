import { importsOf, isTest, type Source } from '../sources/imports.ts'
import type { Rule } from './rule.ts'

/** The files that may be directly in these folders. */
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

/** Files outside of the layout, tests without their cost in the name, and shipped code that imports code for tests. */
export const layout: Rule = (source) => {
  const [folder = '', ...rest] = source.path.split('/')
  const found: string[] = []
  const allowed = flat[folder]
  if (allowed !== undefined && rest.length === 1 && !allowed.test(rest[0]!))
    found.push(`is directly in ${folder}/: move it into a folder`)
  if (/\.(?:test|e2e)\.ts$/.test(source.path) && !/\.(?:unit|int|e2e)\.test\.ts$/.test(source.path))
    found.push('is a test without its cost in the name: .unit, .int or .e2e before .test.ts')
  if (/\.e2e\.test\.ts$/.test(source.path) && !source.path.startsWith('compose/test/e2e/'))
    found.push('is an end-to-end test outside compose/test/e2e/')
  if (!isForTests(source))
    for (const { target } of importsOf(source))
      if (forTests.test(target)) found.push(`imports ${target}, which only tests may import`)
  return found
}

const room = /^(proxy\/[\w-]+)\//

/** The folders of the proxy that the collector imports, sorted. */
export const roomsImported = (sources: readonly Source[]): readonly string[] =>
  [
    ...new Set(
      sources
        .filter((source) => source.path.startsWith('collector/') && !isForTests(source))
        .flatMap(importsOf)
        .flatMap(({ target }) => room.exec(target)?.[1] ?? []),
    ),
  ].sort()
