import { posix } from 'node:path'

/** A file of this repository. `path` is relative to the root, with forward slashes. */
export type Source = { readonly path: string; readonly text: string }

export type Import = {
  /** A package, `node:…`, or for a relative path the imported file, relative to the root. */
  readonly target: string
  /** `import type`: removed before the program runs. */
  readonly typeOnly: boolean
}

const statement = /^\s*(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"\n]+)['"]/gm
const expression = /\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g

/** Every import and re-export of a file, in the order of the text; dynamic imports come last. */
export const importsOf = ({ path, text }: Source): readonly Import[] => {
  const resolve = (specifier: string): string =>
    specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier
  const statements = [...text.matchAll(statement)].map(([, type, specifier = '']) => ({
    target: resolve(specifier),
    typeOnly: type !== undefined,
  }))
  const expressions = [...text.matchAll(expression)].map(([, specifier = '']) => ({
    target: resolve(specifier),
    typeOnly: false,
  }))
  return [...statements, ...expressions]
}

const ofTests = /\.test\.ts$/

export const isTest = ({ path }: Source): boolean => ofTests.test(path)

/** Every file and package that is loaded when `start` runs: its imports, and theirs, without type imports. */
export const reachedFrom = (start: string, sources: readonly Source[]): ReadonlySet<string> => {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const reached = new Set([start])
  for (const path of reached) {
    const source = byPath.get(path)
    const found = source === undefined ? [] : importsOf(source)
    for (const { target, typeOnly } of found) if (!typeOnly) reached.add(target)
  }
  return reached
}
