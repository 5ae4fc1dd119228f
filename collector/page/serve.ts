import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { extname } from 'node:path'

export type PageAnswer = { status: number; headers: Record<string, string>; body: Buffer }

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

// The page shows names that others chose, so nothing inline runs and nothing outside is asked.
const safety = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/**
 * The status page, read and stripped of its types once, then served from memory: `/`, `/favicon.svg`, `/favicon.ico` and
 * everything else below `/page/<hash of all of it>/`, which may be cached for ever.
 * Answers null for a path that is not the page's; `ifNoneMatch` is that request header. Throws if a file is missing.
 */
export const pageRoutes = (): ((path: string, ifNoneMatch?: string) => PageAnswer | null) => {
  const files = assets()
  const version = hash(...files.values())
  const base = `/page/${version}/`
  const page = Buffer.from(read('browser/index.html').toString().replaceAll('{base}', base))
  const icon = read('browser/favicon.svg')

  const routes = new Map<string, (ifNoneMatch?: string) => PageAnswer>([
    ['/', answer('.html', page, 'no-cache')],
    ['/favicon.svg', answer('.svg', icon, 'no-cache')],
    ['/favicon.ico', answer('.svg', icon, 'no-cache')],
  ])
  for (const [name, body] of files)
    routes.set(base + name, answer(extname(name), body, 'public, max-age=31536000, immutable'))
  return (path, ifNoneMatch) => routes.get(path)?.(ifNoneMatch) ?? null
}

const answer = (extension: string, body: Buffer, caching: string) => {
  const etag = `"${hash(body)}"`
  const headers = {
    ...safety,
    'Content-Type': contentTypes[extension] ?? 'application/octet-stream',
    'Cache-Control': caching,
    ETag: etag,
  }
  return (ifNoneMatch = ''): PageAnswer =>
    ifNoneMatch.includes(etag)
      ? { status: 304, headers, body: Buffer.alloc(0) }
      : { status: 200, headers, body }
}

/** Everything the page loads, by the name it loads it by. */
const assets = (): Map<string, Buffer> => {
  const files = new Map([
    ['uplot.js', uplot('uPlot.iife.min.js')],
    ['uplot.css', uplot('uPlot.min.css')],
    ['page.css', read('browser/page.css')],
  ])
  for (const name of readdirSync(new URL('browser', import.meta.url))) {
    if (name.endsWith('.ts') && !name.endsWith('.test.ts')) files.set(name, stripped(`browser/${name}`))
  }
  return files
}

const read = (name: string): Buffer => readFileSync(new URL(name, import.meta.url))
const uplot = (name: string): Buffer => readFileSync(new URL(import.meta.resolve(`uplot/dist/${name}`)))
const hash = (...parts: Buffer[]): string =>
  parts
    .reduce((sum, part) => sum.update(part), createHash('sha256'))
    .digest('hex')
    .slice(0, 16)

// Node runs this very file by the same stripping, without a word; the function still announces itself as experimental.
const stripped = (name: string): Buffer => {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return Buffer.from(stripTypeScriptTypes(read(name).toString()))
  } finally {
    process.emitWarning = emitWarning
  }
}
