import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runbookPage } from './runbook.ts'

export type PageAnswer = { status: number; headers: Record<string, string>; body: Buffer }

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

// The page shows names that others chose, so it runs no inline script and requests nothing from outside.
const safety = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}

/**
 * The status page, served from memory: `/`, `/runbook`, `/favicon.svg`, `/favicon.ico`, and everything else below
 * `/page/<hash of all files>/`, which browsers may cache permanently. Returns null for other paths. Throws if a file is
 * missing.
 */
export const pageRoutes = (): ((path: string) => PageAnswer | null) => {
  const files = assets()
  const base = `/page/${hash(files)}/`
  const icon = answer('.svg', read('browser/favicon.svg'), 'max-age=86400')
  const page = read('browser/index.html').toString().replaceAll('{base}', base)
  const routes = new Map([
    ['/', answer('.html', Buffer.from(page), 'no-cache')],
    ['/runbook', answer('.html', runbookPage(), 'no-cache')],
    ['/favicon.svg', icon],
    ['/favicon.ico', icon],
  ])
  for (const [name, body] of files)
    routes.set(base + name, answer(extname(name), body, 'public, max-age=31536000, immutable'))
  return (path) => routes.get(path) ?? null
}

const answer = (extension: string, body: Buffer, caching: string): PageAnswer => ({
  status: 200,
  headers: {
    ...safety,
    'content-type': contentTypes[extension] ?? 'application/octet-stream',
    'cache-control': caching,
  },
  body,
})

/** Every file that the page loads, by its name in the URL. */
const assets = (): Map<string, Buffer> => {
  const files = new Map([
    ['uplot.js', uplot('uPlot.iife.min.js')],
    ['uplot.css', uplot('uPlot.min.css')],
  ])
  const names = readdirSync(new URL('../browser', import.meta.url))
  for (const name of names) if (name.endsWith('.css')) files.set(name, read(`browser/${name}`))
  for (const [name, body] of stripped(names.filter((name) => /(?<!\.test)\.ts$/.test(name))))
    files.set(name, body)
  return files
}

const read = (name: string): Buffer => readFileSync(new URL(`../${name}`, import.meta.url))
const uplot = (name: string): Buffer => readFileSync(new URL(import.meta.resolve(`uplot/dist/${name}`)))
const hash = (files: ReadonlyMap<string, Buffer>): string =>
  [...files]
    .reduce((sum, [name, body]) => sum.update(name).update(body), createHash('sha256'))
    .digest('hex')
    .slice(0, 16)

/**
 * Strips types with Node's own stripper, in a separate process: the compiler takes 40 MB, which a process whose files come
 * from NODE_COMPILE_CACHE would hold for these files alone.
 */
const stripped = (names: readonly string[]): [string, Buffer][] => {
  const paths = ['strip.ts', ...names.map((name) => `../browser/${name}`)].map((name) =>
    fileURLToPath(new URL(name, import.meta.url)),
  )
  const stdout = execFileSync(process.execPath, paths, { encoding: 'utf8', maxBuffer: 1 << 24 })
  const bodies = JSON.parse(stdout) as string[]
  return names.map((name, i) => [name, Buffer.from(bodies[i]!)])
}
