import { importsOf, isTest } from '../sources/imports.ts'
import { codeOf, type Rule } from './rule.ts'

const longest = 300

/** Only scripts: `index.html` is the name of a page. */
const emptyName = /(?:^|\/)(?:utils?|helpers?|common|index|misc)\.(?:ts|mjs)$/

export const size: Rule = ({ text }) => {
  const lines = text.split('\n').length - 1
  return lines > longest ? [`has ${lines} lines; the limit is ${longest}: split it`] : []
}

export const naming: Rule = ({ path }) => {
  const name = path.split('/').at(-1) ?? ''
  if (emptyName.test(path)) return ['has a name without meaning: name its purpose']
  return /[A-Z_]/.test(name) ? ['is not named in kebab-case'] : []
}

const notErasable = /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?(enum|namespace|module)\s+[\w.]+\s*\{/gm

/** Syntax that Node cannot strip, and barrels: files that only re-export others. */
export const syntax: Rule = ({ path, text }) => {
  const found = [...codeOf(text).matchAll(notErasable)].map(
    ([, word]) => `has a ${word}, which Node cannot strip`,
  )
  const statements = codeOf(text)
    .split('\n')
    .filter((line) => line.trim() !== '')
  const barrel =
    /\.ts$/.test(path) && statements.length > 0 && statements.every((line) => /^export .* from /.test(line))
  return barrel ? [...found, 'is a barrel: import from the files that it lists'] : found
}

const hooks = /\b\w+\.(?:before|after)(?:\.each)?\s*\(/g
const waits = /\bsetTimeout\b|\b(?:sleep|delay|wait|pause)\(\s*[\d_]+\s*\)/

/** A wait is allowed where time itself is measured, with this comment above it. */
const measured = /^\s*\/\/ Time itself/

const waitsOf = (text: string): string[] => {
  const lines = text.split('\n')
  return codeOf(text)
    .split('\n')
    .flatMap((line, at) =>
      waits.test(line) && !measured.test(lines[at - 1] ?? '') ? [`line ${at + 1}`] : [],
    )
}

/** Hooks, waits, `only` and a missing `run()` in test files. */
export const testing: Rule = (source) => {
  if (!isTest(source)) return []
  const code = codeOf(source.text)
  const mistakes = [
    ...[...code.matchAll(hooks)].map(
      ([call]) => `has the hook ${call.trim()}: uvu passes when a hook throws`,
    ),
    ...waitsOf(source.text).map((line) => `waits for a fixed time in ${line}: await an event`),
  ]
  if (importsOf(source).some(({ target }) => target === 'node:timers/promises')) {
    mistakes.push('imports node:timers/promises: await an event')
  }
  if (/\b\w+\.only\s*\(/.test(code)) mistakes.push('has .only, which skips its other tests')
  if (!/\n\w+\.run\(\)\s*$/.test(code)) mistakes.push('does not end with test.run()')
  return mistakes
}
