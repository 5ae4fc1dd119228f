import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { codeOf, ListenError } from '../claim-port.ts'

const compress = promisify(gzip)

export type Reply = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | Buffer
}

/** Metrics in Prometheus' text format 0.0.4. */
export type Exposition = () => Promise<{ contentType: string; body: string }>

export type Routes = {
  /** Joined at `/metrics`, in this order. */
  readonly expositions: readonly Exposition[]
  /** Null when ready, which says nothing of datacenters; else why not: the text of `/readyz`. */
  readonly unready: () => string | null
  /** Path → what is answered as JSON, computed at each request. */
  readonly json: Readonly<Record<string, () => unknown>>
  /** Everything else; the path comes without its query. Null is a 404. */
  readonly page: (path: string) => Reply | null
}

export type HttpServer = {
  readonly url: string
  readonly port: number
  /** Answers what is under way, for a second at most. */
  readonly close: () => Promise<void>
}

const limits = {
  connections: 64,
  headerBytes: 8 * 1024,
  /** ms, as are the next. */
  headers: 5_000,
  request: 10_000,
  silence: 30_000,
  closing: 1_000,
} as const

const gzipFrom = 4 * 1024
const gzipWanted = /\bgzip\b(?!\s*;\s*q=0(?:\.0+)?\s*(?:,|$))/i
const metricsType = 'text/plain; version=0.0.4; charset=utf-8'

const text = (status: number, body: string): Reply => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
  body: `${body}\n`,
})

const metrics = async (expositions: readonly Exposition[]): Promise<Reply> => {
  // One source that fails must not blind an operator to the others.
  const parts = await Promise.allSettled(expositions.map(async (exposition) => (await exposition()).body))
  const body = parts
    .map((part) => (part.status === 'fulfilled' ? part.value : '# one source of metrics failed'))
    .map((part) => part.replace(/^# EOF\s*$/m, '').trimEnd())
    .join('\n')
  return {
    status: 200,
    headers: { 'content-type': metricsType, 'cache-control': 'no-store' },
    body: `${body}\n`,
  }
}

const json = (value: unknown): Reply => ({
  status: 200,
  headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' },
  body: JSON.stringify(value),
})

const answer = async (routes: Routes, path: string): Promise<Reply> => {
  if (path === '/metrics') return metrics(routes.expositions)
  if (path === '/healthz') return text(200, 'ok')
  if (path === '/readyz') {
    const reason = routes.unready()
    return reason === null ? text(200, 'ready') : text(503, reason)
  }
  if (Object.hasOwn(routes.json, path)) return json(await routes.json[path]?.())
  return routes.page(path) ?? text(404, 'not found')
}

const loopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)

const hostName = (header: string): string =>
  /^(?:\[([0-9a-f:.]+)\]|([^:]*))(?::\d+)?$/i.exec(header)?.slice(1).join('').toLowerCase() ?? ''

/**
 * A page of another site can make its name resolve to 127.0.0.1 and then read us as its own origin: on loopback only
 * names of this machine are answered. https://en.wikipedia.org/wiki/DNS_rebinding
 */
const guard = (host: string): ((header: string | undefined) => boolean) => {
  if (!loopback(host)) return () => true
  return (header) => {
    if (header === undefined) return true // HTTP/1.0; no browser leaves it out
    const name = hostName(header)
    return loopback(name) || name === host.toLowerCase()
  }
}

const send = async (request: IncomingMessage, response: ServerResponse, reply: Reply): Promise<void> => {
  const headers: Record<string, string | number> = { 'x-content-type-options': 'nosniff', ...reply.headers }
  let body: string | Buffer = reply.body
  const asked = gzipWanted.test(String(request.headers['accept-encoding'] ?? ''))
  if (asked && body.length >= gzipFrom && headers['content-encoding'] === undefined) {
    body = await compress(body, { level: 1 })
    headers['content-encoding'] = 'gzip'
  }
  headers.vary = 'accept-encoding'
  headers['content-length'] = Buffer.byteLength(body)
  response.writeHead(reply.status, headers).end(request.method === 'HEAD' ? undefined : body)
}

const handler =
  (routes: Routes, ours: (header: string | undefined) => boolean) =>
  async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    request.resume()
    const reply = async (): Promise<Reply> => {
      if (!ours(request.headers.host)) return text(421, 'not a name of this server')
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        const refusal = text(405, 'only GET and HEAD')
        return { ...refusal, headers: { ...refusal.headers, allow: 'GET, HEAD' } }
      }
      return answer(routes, (request.url ?? '/').split('?', 1)[0] ?? '/')
    }
    try {
      await send(request, response, await reply())
    } catch {
      // What went wrong is nobody's business out there.
      if (response.headersSent) response.destroy()
      else await send(request, response, text(500, 'internal error'))
    }
  }

const urlOf = (host: string, port: number): string => {
  const reachable = host === '0.0.0.0' || host === '::' || host === '' ? '127.0.0.1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

/**
 * Serves metrics, health, JSON and pages. Port 0 is any free one. Rejects with a ListenError that names the setting,
 * `portName`, or METRICS_HOST.
 */
export const startHttp = async (options: {
  readonly host: string
  readonly port: number
  readonly portName: 'METRICS_PORT' | 'COLLECTOR_PORT'
  readonly routes: Routes
}): Promise<HttpServer> => {
  const { host, routes } = options
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headers,
      requestTimeout: limits.request,
      connectionsCheckingInterval: limits.headers / 2,
    },
    handler(routes, guard(host)),
  )
  server.maxConnections = limits.connections
  server.setTimeout(limits.silence)
  await new Promise<void>((resolve, reject) => {
    const refused = (error: Error): void =>
      reject(new ListenError(options.portName, host, options.port, codeOf(error)))
    server.once('error', refused)
    server.listen({ port: options.port, host }, () => {
      server.off('error', refused)
      resolve()
    })
  })
  // accept() may fail for want of descriptors; that must not end the process.
  server.on('error', () => {})
  const { port } = server.address() as AddressInfo

  const close = async (): Promise<void> => {
    const patience = setTimeout(() => server.closeAllConnections(), limits.closing)
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeIdleConnections()
    await closed
    clearTimeout(patience)
  }
  return { url: urlOf(host, port), port, close }
}
