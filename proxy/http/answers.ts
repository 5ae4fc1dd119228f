import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { HttpRefusal } from './refusals.ts'
import type { Body, Request } from './request.ts'

const compress = promisify(gzip)

export type Reply = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | Buffer
  /** A refusal is counted by its reason. */
  readonly refused?: HttpRefusal
}

/** Answers every method below `/api/v1/`, and checks all but the Host header itself. `body` reads the body once. */
export type Api = (request: Request, body: () => Promise<Body>) => Promise<Reply>

/** Metrics in Prometheus' text format 0.0.4. */
export type Exposition = () => Promise<{ contentType: string; body: string }>

export type Routes = {
  /** Joined at `/metrics`, in this order. */
  readonly expositions: readonly Exposition[]
  /** Null when ready, which does not depend on datacenters; else the reason, the text of `/readyz`. */
  readonly unready: () => string | null
  /** Path → value of the JSON answer, computed at most once a second. */
  readonly json: Readonly<Record<string, () => unknown>>
  /** Every other path, without its query. Null is a 404. */
  readonly page: (path: string) => Reply | null
  readonly api?: Api | undefined
}

/** Minimum time for which all requests share one rendering of `/metrics` or of a JSON route. */
const sharedMs = 1_000
const gzipFrom = 4 * 1024
const metricsType = 'text/plain; version=0.0.4; charset=utf-8'

export const text = (
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Reply => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', ...headers },
  body: `${body}\n`,
})

const metrics = async (expositions: readonly Exposition[]): Promise<Reply> => {
  // A source that fails leaves the metrics of the others readable.
  const parts = await Promise.allSettled(expositions.map(async (exposition) => (await exposition()).body))
  const body = parts
    .map((part) => (part.status === 'fulfilled' ? part.value : '# one source of metrics failed'))
    .map((part) => part.replace(/^# EOF\s*$/m, '').trimEnd())
    .join('\n')
  return {
    status: 200,
    headers: { 'content-type': metricsType, 'cache-control': 'no-store' },
    body: Buffer.from(`${body}\n`),
  }
}

const json = async (compute: () => unknown): Promise<Reply> => ({
  status: 200,
  headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' },
  body: Buffer.from(JSON.stringify(await compute())),
})

/** Shares one rendering, failed or not, for a second, or for three times as long as it took if that is longer. */
const shared = (render: () => Promise<Reply>): (() => Promise<Reply>) => {
  let current: Promise<Reply> | null = null
  let until = 0
  return () => {
    const began = performance.now()
    if (current !== null && began < until) return current
    until = Number.POSITIVE_INFINITY
    current = render().finally(() => {
      const now = performance.now()
      until = now + Math.max(sharedMs, 3 * (now - began))
    })
    return current
  }
}

/** Path → reply. */
export const answersOf = (routes: Routes): ((path: string) => Promise<Reply>) => {
  const rendered = new Map([
    ['/metrics', shared(() => metrics(routes.expositions))],
    ...Object.entries(routes.json).map(([path, compute]) => [path, shared(() => json(compute))] as const),
  ])
  return async (path) => {
    if (path === '/healthz') return text(200, 'ok')
    if (path === '/readyz') {
      const reason = routes.unready()
      return reason === null ? text(200, 'ready') : text(503, reason)
    }
    return rendered.get(path)?.() ?? routes.page(path) ?? text(404, 'not found')
  }
}

/** Compressed forms of bodies that are sent repeatedly: pages and shared renderings. */
const compressed = new WeakMap<Buffer, Promise<Buffer>>()

/** The body in gzip; null when it is short or already encoded. */
export const gzipOf = ({ body, headers }: Reply): Promise<Buffer> | null => {
  if (body.length < gzipFrom || headers?.['content-encoding'] !== undefined) return null
  if (typeof body === 'string') return compress(body, { level: 1 })
  const known = compressed.get(body)
  if (known !== undefined) return known
  const made = compress(body, { level: 1 })
  compressed.set(body, made)
  return made
}
