import { posix } from 'node:path'

/** A file of ours; `path` is relative to the root, with forward slashes. */
export type Source = { readonly path: string; readonly text: string }

/** Says what is wrong with a file; empty when nothing is. */
export type Rule = (source: Source) => readonly string[]

export type Import = {
  /** A package, `node:…`, or for a relative path the file it names, relative to the root. */
  readonly target: string
  /** Gone at run time. */
  readonly typeOnly: boolean
}

const statement = /^\s*(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"\n]+)['"]/gm
const expression = /\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g

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

const textOrComment = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\/\*[\s\S]*?\*\/|(?<![:\w\\])\/\/[^\n]*/g

/** The code with comments and quoted texts blanked. Good enough for a house rule; the compiler knows the rest. */
export const codeOf = (text: string): string =>
  text.replace(textOrComment, (found) => found.replace(/[^\n'"]/g, ' '))
