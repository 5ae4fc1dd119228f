import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import type { Logger } from '../logger/logger.ts'
import { hostAndPort } from '../net/host-name.ts'
import { codeOf, portError } from '../net/listen-error.ts'
import { answersOf, gzipOf, type Reply, type Routes, text } from './answers.ts'
import { type Budget, createBudget } from './budget.ts'
import { createConnections, type Message, threadMs } from './connections.ts'
import { guardHosts } from './host-guard.ts'
import { type HttpRefusals, noRefusals } from './refusals.ts'
import { type Body, type Request, readRequest } from './request.ts'

export type { Api, Exposition, Reply, Routes } from './answers.ts'

export type HttpServer = {
  readonly url: string
  readonly port: number
  readonly refusals: Readonly<HttpRefusals>
  /** Finishes the answers that are under way, for at most a second. */
  readonly close: () => Promise<void>
}

const limits = {
  connections: 64,
  headBytes: 8 * 1024,
  headers: 100,
  bodyBytes: 64 * 1024,
  /** ms, as are the next. */
  head: 5_000,
  idle: 30_000,
  answer: 60_000,
  closing: 1_000,
  /** CPU time per second for all answers together, ms. */
  work: 300,
  /** Delay of each refusal once `work` is spent: one connection cannot ask more often. */
  refusal: 1_000,
  /** Minimum time between two log lines with the same code. */
  complaint: 600_000,
} as const

/** The reply with its headers, in gzip if the client accepts it. */
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
      ...(reply.status === 204 ? {} : { 'content-length': Buffer.byteLength(body) }),
    },
    body: method === 'HEAD' ? null : body,
  }
}

/** Below it the API answers. */
const apiBase = '/api/v1/'
const apiHint =
  'a client of the API has no valid token, or a page of another site sends requests: correct it, or stop it'

/** Supervisors restart a proxy whose health checks fail: a busy one delays these, but does not refuse them. */
const isHealth = (path: string): boolean => path === '/healthz' || path === '/readyz'

const wrongHost = text(
  421,
  'the Host header names another server: if this name leads here, add it to METRICS_ALLOWED_HOSTS',
)
const wrongMethod = text(405, 'only GET and HEAD', { allow: 'GET, HEAD' })
const plain = { method: 'GET', gzip: false }
const tooBusy = text(503, 'too many requests', { 'retry-after': '1' })

/** Logs each code once in `limits.complaint`: requests must not fill the log. */
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

/** The work of the API is not shared by requests, so all of it is spent. */
const spending = async <T>(budget: Budget, work: () => Promise<T>): Promise<T> => {
  const began = threadMs()
  try {
    return await work()
  } finally {
    budget.spend(threadMs() - began)
  }
}

type Place = {
  readonly host: string
  readonly port: number
  readonly portName: 'METRICS_PORT' | 'COLLECTOR_PORT'
}

const listen = (server: Server, { host, port, portName }: Place): Promise<void> =>
  new Promise<void>((resolve, reject) => {
    const refused = (error: Error): void => reject(portError(portName, host, port, codeOf(error)))
    server.once('error', refused)
    server.listen({ port, host }, () => {
      server.off('error', refused)
      resolve()
    })
  })

/**
 * Serves metrics, health, JSON and pages within fixed bounds of time, memory and connections. Port 0 takes any free port.
 * Rejects with a ListenError that names the setting: `portName` or METRICS_HOST.
 */
export const startHttp = async (
  options: Place & {
    readonly routes: Routes
    /** METRICS_ALLOWED_HOSTS. */
    readonly allowedHosts?: readonly string[]
    /** Resolves to the host in the links. */
    readonly published?: Promise<{ readonly host: string | null }>
    readonly logger?: Logger
    /** CPU time per second for answers, ms. */
    readonly workMs?: number
  },
): Promise<HttpServer> => {
  const { host, routes, allowedHosts = [] } = options
  const budget = createBudget(options.workMs ?? limits.work, () => performance.now())
  const answer = answersOf(routes)
  let linked: string | null = null
  void options.published?.then((published) => {
    linked = published.host
  })
  const guard = guardHosts({ bound: host, allowed: allowedHosts, published: () => linked })
  const complain = sparingly(options.logger)
  const refusals = noRefusals()

  const replyTo = async (request: Request, body: () => Promise<Body>): Promise<Reply> => {
    const busy = budget.empty
    if (busy) await after(limits.refusal, undefined, { ref: false })
    if (busy)
      complain('warn', 'http-busy', {
        port: options.portName,
        hint: 'find the client that sends so many requests: it gets 503',
      })
    if (busy && !isHealth(request.path)) {
      refusals.busy++
      return tooBusy
    }
    if (!guard(request.host)) {
      refusals.host++
      const hint = 'if this name leads here, add it to METRICS_ALLOWED_HOSTS'
      complain('warn', 'http-host-refused', { host: request.host?.slice(0, 100), hint })
      return wrongHost
    }
    if (routes.api !== undefined && request.path.startsWith(apiBase)) {
      const reply = await spending(budget, () => routes.api!(request, body))
      if (reply.refused !== undefined) refusals[reply.refused]++
      if (reply.refused !== undefined) complain('warn', `http-${reply.refused}-refused`, { hint: apiHint })
      return reply
    }
    if (request.method === 'GET' || request.method === 'HEAD') return answer(request.path)
    refusals.method++
    return wrongMethod
  }
  const { server, endIdle, endAll } = createConnections(limits, budget, refusals, async (message, body) => {
    const request = readRequest(message)
    if (request === null) {
      refusals.malformed++
      return messageOf(plain, text(400, 'not a request for this server'))
    }
    try {
      return await messageOf(request, await replyTo(request, body))
    } catch (error) {
      // The message of an error may hold what a client must not see.
      complain('error', 'http-failed', { path: request.path.slice(0, 100), error: String(error) })
      return messageOf(plain, text(500, 'internal error'))
    }
  })
  await listen(server, options)
  // accept() fails when no file descriptor is left; that must not end the process.
  server.on('error', () => {})
  const { port } = server.address() as AddressInfo

  const close = async (): Promise<void> => {
    const patience = setTimeout(endAll, limits.closing)
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    endIdle()
    await closed
    clearTimeout(patience)
  }
  return { url: urlOf(host, port), port, refusals, close }
}
