import { importsOf, isTest } from '../sources/imports.ts'
import { codeOf, type Rule } from './rule.ts'

const longest = 300

/** `index.html` is a page's name, so only scripts count. */
const emptyName = /(?:^|\/)(?:utils?|helpers?|common|index|misc)\.(?:ts|mjs)$/

export const size: Rule = ({ text }) => {
  const lines = text.split('\n').length - 1
  return lines > longest ? [`has ${lines} lines: more than ${longest} are two files`] : []
}

export const naming: Rule = ({ path }) => {
  const name = path.split('/').at(-1) ?? ''
  if (emptyName.test(path)) return ['has a name that says nothing']
  return /[A-Z_]/.test(name) ? ['is not named in kebab-case'] : []
}

const notErasable = /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?(enum|namespace|module)\s+[\w.]+\s*\{/gm

/** Syntax that Node cannot strip, and files that are mere lists of others. */
export const syntax: Rule = ({ path, text }) => {
  const found = [...codeOf(text).matchAll(notErasable)].map(([, word]) => `has a ${word}`)
  const statements = codeOf(text)
    .split('\n')
    .filter((line) => line.trim() !== '')
  const barrel =
    /\.ts$/.test(path) && statements.length > 0 && statements.every((line) => /^export .* from /.test(line))
  return barrel ? [...found, 'is a barrel'] : found
}

const hooks = /\b\w+\.(?:before|after)(?:\.each)?\s*\(/g
const waits = /\bsetTimeout\b|\b(?:sleep|delay|wait|pause)\(\s*[\d_]+\s*\)/

/** A wait is fine where time itself is measured, and the comment above it says so. */
const measured = /^\s*\/\/ Time itself/

const waitsOf = (text: string): string[] => {
  const lines = text.split('\n')
  return codeOf(text)
    .split('\n')
    .flatMap((line, at) =>
      waits.test(line) && !measured.test(lines[at - 1] ?? '') ? [`line ${at + 1}`] : [],
    )
}

/** What a test file must and must not have. */
export const testing: Rule = (source) => {
  if (!isTest(source)) return []
  const code = codeOf(source.text)
  const reported = [
    ...[...code.matchAll(hooks)].map(
      ([call]) => `has a hook, ${call.trim()}: uvu takes a throwing one for success`,
    ),
    ...waitsOf(source.text).map((line) => `waits for a time in ${line}: await an event`),
  ]
  if (importsOf(source).some(({ target }) => target === 'node:timers/promises')) {
    reported.push('imports node:timers/promises: await an event')
  }
  if (/\b\w+\.only\s*\(/.test(code)) reported.push('runs only some of its tests')
  if (!/\n\w+\.run\(\)\s*$/.test(code)) reported.push('does not end with test.run()')
  return reported
}
