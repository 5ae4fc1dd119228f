import { readFileSync } from 'node:fs'

const escaped = (text: string): string =>
  text.replace(
    /[&<>"]/g,
    (found) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[found] ?? found,
  )

const inline = (text: string): string =>
  escaped(text)
    .replace(/`([^`]+)`/g, '<code>$1</code>')
    .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replace(/\*([^*]+)\*/g, '<em>$1</em>')

const block = (text: string): string => {
  const [, marks, title = ''] = /^(#{1,2}) (.+)$/.exec(text) ?? []
  if (marks === undefined) return `<p>${inline(text.replaceAll('\n', ' '))}</p>`
  return marks === '#' ? `<h1>${inline(title)}</h1>` : `<h2 id="${escaped(title)}">${inline(title)}</h2>`
}

/** The runbook as a page, to which alerts link. The collector serves it, so that it needs no other service. */
export const runbookPage = (): Buffer => {
  const text = readFileSync(new URL('../../alerts/RUNBOOK.md', import.meta.url), 'utf8')
  const body = text
    .trim()
    .split(/\n{2,}/)
    .map(block)
    .join('\n')
  return Buffer.from(
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>mtscope: runbook</title></head><body>${body}</body></html>`,
  )
}
