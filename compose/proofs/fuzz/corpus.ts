import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

// Inputs that reached a new outcome, or failed once: `corpus/TARGET/OUTCOME-DIGEST.bin`.

/** The corpus of the repository. */
export const corpus = join(import.meta.dirname, 'corpus')
const mostOfTarget = 64
const longest = 4_096

/** An outcome as the name of a file. */
const slug = (outcome: string): string =>
  outcome
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 60)

const namesOf = (folder: string, target: string): readonly string[] => {
  const of = join(folder, target)
  return existsSync(of) ? readdirSync(of).sort() : []
}

export const corpusOf = (
  folder: string,
  target: string,
): readonly { readonly name: string; readonly input: Buffer }[] =>
  namesOf(folder, target).map((name) => ({ name, input: readFileSync(join(folder, target, name)) }))

const write = (folder: string, target: string, outcome: string, input: Buffer): string => {
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 8)
  const path = join(folder, target, `${slug(outcome)}-${digest}.bin`)
  mkdirSync(join(folder, target), { recursive: true })
  writeFileSync(path, input)
  return path
}

/** Keeps the first input of an outcome if it is small and there is room. */
export const keepNew = (folder: string, target: string, outcome: string, input: Buffer): void => {
  const names = namesOf(folder, target)
  const known = names.some((name) => name.replace(/-[0-9a-f]{8}\.bin$/, '') === slug(outcome))
  if (!known && names.length < mostOfTarget && input.length <= longest) write(folder, target, outcome, input)
}

/** Keeps an input that failed; returns its path. */
export const keepFailed = (folder: string, target: string, kind: string, input: Buffer): string =>
  write(folder, target, `failed ${kind}`, input)
