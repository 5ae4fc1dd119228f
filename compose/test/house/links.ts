import { posix } from 'node:path'
import type { Source } from '../sources/imports.ts'

/** The anchors of a Markdown text, as GitHub makes them of its headings. */
export const anchorsOf = (text: string): ReadonlySet<string> => {
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutFences(text).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    const slug = plain
      .toLowerCase()
      .replace(/[^\p{Letter}\p{Number}\p{Mark} _-]/gu, '')
      .replaceAll(' ', '-')
    let anchor = slug
    for (let copy = 1; anchors.has(anchor); copy++) anchor = `${slug}-${copy}`
    anchors.add(anchor)
  }
  return anchors
}

const withoutFences = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, '')

const link = /\[[^\]]*\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g
const external = /^[a-z]+:/

/** Paths that begin with a folder of the root, also within code. `*` is a pattern. */
const path = /(?<![\w/.@~-])(?:proxy|collector|dashboards|redis|compose|docs)\/[\w@.*/-]*[\w*]/g

/** Lets `*` match a part of a name, and `**` any folders. */
const matches = (pattern: string, files: readonly string[]): boolean => {
  const source = pattern
    .split(/(\*+)/)
    .map((part) => (part === '*' ? '[^/]*' : part.startsWith('*') ? '.*' : part.replaceAll('.', '\\.')))
    .join('')
  const expression = new RegExp(`^${source}(?:/|$)`)
  return files.some((file) => expression.test(file))
}

/**
 * Relative links of a Markdown file that lead to no file or heading, and paths in it that do not exist. `files` are all files,
 * `read` returns the text of one.
 */
export const brokenLinks = (
  { path: from, text }: Source,
  files: readonly string[],
  read: (path: string) => string,
): string[] => {
  const found: string[] = []
  for (const [, target = ''] of withoutFences(text).matchAll(link)) {
    if (external.test(target)) continue
    const [file = '', anchor] = target.split('#')
    const to = file === '' ? from : posix.normalize(posix.join(posix.dirname(from), file)).replace(/\/$/, '')
    if (!matches(to, files)) found.push(`links to ${target}, which does not exist`)
    else if (anchor !== undefined && !anchorsOf(read(to)).has(anchor))
      found.push(`links to ${target}, which has no such heading`)
  }
  for (const [named] of text.matchAll(path))
    if (!matches(named, files)) found.push(`names ${named}, which does not exist`)
  return found
}
