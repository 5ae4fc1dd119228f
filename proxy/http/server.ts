import type { AddressInfo } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { hostAndPort } from '../config/parse.ts'
import type { Logger } from '../logger/logger.ts'
import { codeOf, ListenError } from '../net/listen-error.ts'
import { answersOf, gzipOf, type Reply, type Routes, text } from './answers.ts'
import { createBudget } from './budget.ts'
import { createConnections, type Message } from './connections.ts'
import { guardHosts } from './host-guard.ts'
import type { Request } from './request.ts'

export type { Exposition, Reply, Routes } from './answers.ts'

export type HttpServer = {
  readonly url: string
  readonly port: number
  /** Answers what is under way, for a second at most. */
  readonly close: () => Promise<void>
}

const limits = {
  connections: 64,
  /** ms, as are the next. */
  head: 5_000,
  idle: 30_000,
  answer: 60_000,
  closing: 1_000,
  /** Of each second, for all answers together. */
  work: 300,
  /** Beyond `work`, each request waits so long for its refusal: one connection cannot ask more often. */
  refusal: 1_000,
  /** Between two log lines of a kind. */
  complaint: 600_000,
} as const

/** The reply as it is written, in gzip where the client takes it. */
const messageOf = async (
  { method, gzip }: Pick<Request, 'method' | 'gzip'>,
  reply: Reply,
): Promise<Message> => {
  const zipped = gzip ? await gzipOf(reply) : null
  const body = zipped ?? reply.body
  return {
    status: reply.status,
    headers: {
      'x-content-type-options': 'nosniff',
      ...reply.headers,
      ...(zipped === null ? {} : { 'content-encoding': 'gzip' }),
      vary: 'accept-encoding',
      'content-length': Buffer.byteLength(body),
    },
    body: method === 'HEAD' ? null : body,
  }
}

/** Health checks come from supervisors, which would restart a busy proxy: they wait, and are not refused. */
const isHealth = (path: string): boolean => path === '/healthz' || path === '/readyz'

const wrongHost = text(
  421,
  'this server does not know the name in the Host header: add it to METRICS_ALLOWED_HOSTS',
)
const wrongMethod = text(405, 'only GET and HEAD', { allow: 'GET, HEAD' })
const plain = { method: 'GET', gzip: false }
const tooBusy = text(503, 'too many requests', { 'retry-after': '1' })

/** Each message once in `limits.complaint`: whoever asks must not fill the log. */
const sparingly = (logger: Logger | undefined): Logger => {
  const next = new Map<string, number>()
  return (level, message, fields) => {
    const now = performance.now()
    if (now < (next.get(message) ?? 0)) return
    next.set(message, now + limits.complaint)
    logger?.(level, message, fields)
  }
}

const urlOf = (host: string, port: number): string => {
  const reachable = host === '0.0.0.0' || host === '::' || host === '' ? '127.0.0.1' : host
  return `http://${hostAndPort(reachable, port)}`
}

/**
 * Serves metrics, health, JSON and pages, within bounds that no client can exceed. Port 0 is any free one. Rejects with
 * a ListenError that names the setting, `portName`, or METRICS_HOST.
 */
export const startHttp = async (options: {
  readonly host: string
  readonly port: number
  readonly portName: 'METRICS_PORT' | 'COLLECTOR_PORT'
  readonly routes: Routes
  /** METRICS_ALLOWED_HOSTS. */
  readonly allowedHosts?: readonly string[]
  /** The host in the links, once it is known. */
  readonly published?: Promise<{ readonly host: string | null }>
  readonly logger?: Logger
  /** Of each second, for answers. */
  readonly workMs?: number
}): Promise<HttpServer> => {
  const { host, routes, allowedHosts = [] } = options
  const budget = createBudget(options.workMs ?? limits.work, () => performance.now())
  const answer = answersOf(routes)
  let linked: string | null = null
  void options.published?.then((published) => {
    linked = published.host
  })
  const guard = guardHosts({ bound: host, allowed: allowedHosts, published: () => linked })
  const complain = sparingly(options.logger)

  const replyTo = async (request: Request): Promise<Reply> => {
    const busy = budget.empty
    if (busy) await after(limits.refusal, undefined, { ref: false })
    if (busy)
      complain('warn', 'http-busy', {
        port: options.portName,
        hint: 'find the client that asks so often; it gets 503',
      })
    if (busy && !isHealth(request.path)) return tooBusy
    if (!guard(request.host)) {
      const hint = 'if this name leads here, add it to METRICS_ALLOWED_HOSTS'
      complain('warn', 'http-host-refused', { host: request.host?.slice(0, 100), hint })
      return wrongHost
    }
    return request.method === 'GET' || request.method === 'HEAD' ? answer(request.path) : wrongMethod
  }
  const { server, endIdle, endAll } = createConnections(limits, budget, async (request) => {
    if ('refused' in request) return messageOf(plain, text(request.refused, 'not a request for this server'))
    try {
      return await messageOf(request, await replyTo(request))
    } catch {
      // An error message may name what a client must not learn.
      return messageOf(plain, text(500, 'internal error'))
    }
  })
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
    const patience = setTimeout(endAll, limits.closing)
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    endIdle()
    await closed
    clearTimeout(patience)
  }
  return { url: urlOf(host, port), port, close }
}
