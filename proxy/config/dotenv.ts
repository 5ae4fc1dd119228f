import { readFileSync } from 'node:fs'
import { whose } from '../host/file-owner.ts'

/** An assignment of a `.env` file. `line` counts from 1. */
export type Assignment = { readonly name: string; readonly value: string; readonly line: number }

export type Dotenv = { readonly assignments: readonly Assignment[]; readonly mistakes: readonly string[] }

const assignment = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*)$/
const quoted = /^(["'`])(.*?)\1\s*(?:#.*)?$/

const unquote = (text: string): string | null => {
  const [, , inside] = quoted.exec(text) ?? []
  if (inside !== undefined) return inside
  if (/^["'`]/.test(text)) return null
  return text.replace(/(?:^|\s)#.*$/, '').trim()
}

/**
 * Reads the text of a `.env` file: `NAME=value`, `export NAME=value`, quotes, `#` comments. Unlike parseEnv of node:util it
 * reports malformed lines and repeated names. Mistakes never repeat a value.
 */
export const readDotenv = (text: string): Dotenv => {
  const assignments: Assignment[] = []
  const mistakes: string[] = []
  const seen = new Map<string, number>()
  for (const [at, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const line = at + 1
    const trimmed = raw.trim()
    if (trimmed === '' || trimmed.startsWith('#')) continue
    const [, name, rest] = assignment.exec(trimmed) ?? []
    if (name === undefined || rest === undefined) {
      mistakes.push(`.env line ${line} is not of the form NAME=value: write it so, or put # before it`)
      continue
    }
    const value = unquote(rest)
    const before = seen.get(name)
    seen.set(name, line)
    if (value === null)
      mistakes.push(`.env line ${line}: ${name} opens a quote and does not close it: close it`)
    else if (before !== undefined) {
      mistakes.push(`.env line ${line} sets ${name} again (line ${before} did): keep one of them`)
    } else assignments.push({ name, value, line })
  }
  return { assignments, mistakes }
}

/** The text of `.env` in the current folder; empty without the file. An unreadable file throws one line for the operator. */
export const readDotenvFile = (): string => {
  try {
    return readFileSync('.env', 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    if (code === 'ENOENT') return ''
    const advice = code === 'EACCES' ? whose('.env') : 'it must be a file of lines NAME=value'
    throw new Error(`.env cannot be read (${code}): ${advice}`, { cause: error })
  }
}
