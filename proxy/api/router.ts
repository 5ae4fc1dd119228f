import type { ApiAction } from '../events/api-action.ts'
import { bearerOf, type NamedToken } from '../http/bearer.ts'
import { createBudget } from '../http/budget.ts'
import type { Body, Request } from '../http/request.ts'
import type { Api, Reply } from '../http/server.ts'
import type { Logger } from '../logger/logger.ts'
import { readBody } from './body.ts'
import { type Bound, bound, type Outcome } from './endpoint.ts'
import type { UsersPort } from './listed-user.ts'
import { type NodePort, nodeEndpoints } from './node.ts'
import { documentEndpoint, documentOf } from './openapi.ts'
import { type Problem, problem, replyOf } from './problem.ts'
import { type ReadingPort, readingEndpoints } from './reading.ts'
import { userEndpoints } from './users.ts'

/** The parts of the program that the API controls; endpoints of a missing part do not exist. */
export type Ports = {
  readonly reading?: ReadingPort | undefined
  readonly node?: NodePort | undefined
  readonly users?: UsersPort | undefined
}

export type Change = { readonly action: ApiAction; readonly target: string; readonly by: string }

export type ApiOptions = {
  readonly ports: Ports
  /** Without one, only open endpoints answer. */
  readonly tokens: readonly NamedToken[]
  readonly version: string
  readonly logger: Logger
  /** Records a change, after it was made. */
  readonly changed: (change: Change) => void
  /** Ms, of a clock that is never set. */
  readonly steady?: () => number
}

/** Requests without a valid token that get a 401; beyond it, 429. A valid token is always accepted. */
const failures = { most: 10, withinMs: 60_000 }

const safety = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
}

const base = '/api/v1'

/** All endpoints of `ports`, with the one that returns their document. */
export const endpointsOf = (ports: Ports, version: string): readonly Bound[] => {
  const all = [
    ...bound(readingEndpoints, ports.reading),
    ...bound(userEndpoints, ports.users),
    ...bound(nodeEndpoints, ports.node),
  ]
  const document = documentOf([documentEndpoint, ...all], version)
  return [{ ...documentEndpoint, act: () => ({ status: 200, value: document }) }, ...all]
}

const decoded = (part: string): string | null => {
  try {
    return decodeURIComponent(part)
  } catch {
    return null
  }
}

/** The parameters of a path that matches `pattern`, else null. */
const matched = (pattern: string, path: string): Record<string, string> | null => {
  const wanted = pattern.split('/')
  const given = path.split('/')
  if (wanted.length !== given.length) return null
  const parameters: Record<string, string> = {}
  for (const [at, part] of wanted.entries()) {
    const text = given[at] ?? ''
    if (!part.startsWith('{')) {
      if (part !== text) return null
      continue
    }
    const value = decoded(text)
    if (value === null || value === '') return null
    parameters[part.slice(1, -1)] = value
  }
  return parameters
}

/** A page of another site cannot send the token, but must not even make us check one (CSRF). */
const isForeign = ({ origin, site, host }: Request): boolean => {
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true
  return origin !== undefined && URL.parse(origin)?.host !== host?.toLowerCase()
}

const jsonReply = (outcome: Exclude<Outcome, Problem>): Reply => {
  const { status, value, contentType = 'application/json; charset=utf-8', headers } = outcome
  if (value === undefined) return { status, headers: { ...safety, ...headers }, body: '' }
  const body = outcome.contentType === undefined ? Buffer.from(JSON.stringify(value)) : String(value)
  return { status, headers: { ...safety, 'content-type': contentType, ...headers }, body }
}

const bodyProblem = (refused: 400 | 411 | 413): Problem => {
  if (refused === 411) return problem('length-required', 'send Content-Length; chunked bodies are not read')
  if (refused === 413) return problem('too-large', 'a body may have 65536 bytes')
  return problem('invalid-request', 'the body was cut: send all of it')
}

const queryOf = ({ query }: Request, known: Bound['query'] = {}): Record<string, string> => {
  const values = new URLSearchParams(query)
  return Object.fromEntries(
    Object.keys(known).flatMap((name) => {
      const value = values.get(name)
      return value === null ? [] : [[name, value]]
    }),
  )
}

/** The names of tokens that were refused are unknown, so failures are counted together. */
const createTokenCheck = ({ tokens, steady = () => performance.now() }: ApiOptions) => {
  const bucket = createBudget(failures.most, () => (steady() * 1_000) / failures.withinMs)
  return (request: Request): { readonly name: string } | Problem => {
    const name = bearerOf(tokens, request.authorization)
    if (name !== null) return { name }
    if (bucket.empty) {
      const detail = 'too many requests came without a valid token: correct the token, and wait'
      return problem('too-many-failures', detail, {
        headers: { 'retry-after': String(failures.withinMs / failures.most / 1_000) },
      })
    }
    bucket.spend(1)
    const detail =
      tokens.length === 0
        ? 'API_TOKEN=none allows no request that needs a token: set API_TOKEN, or leave it out, and restart'
        : 'send Authorization: Bearer and a token of API_TOKEN, or the one in the file api-token of DATA_DIR'
    return problem('token-required', detail, { headers: { 'www-authenticate': 'Bearer realm="mtscope"' } })
  }
}

/** Answers for `/api/v1/`: finds the endpoint, checks origin, token and body, acts, and records a change. */
export const createApi = (options: ApiOptions): Api => {
  const endpoints = endpointsOf(options.ports, options.version)
  const check = createTokenCheck(options)

  const outcomeOf = async (request: Request, body: () => Promise<Body>): Promise<Outcome> => {
    const path = request.path.slice(base.length)
    const there = endpoints.flatMap((endpoint) => {
      const parameters = matched(endpoint.path, path)
      return parameters === null ? [] : [{ endpoint, parameters }]
    })
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const found = there.find(({ endpoint }) => endpoint.method === method)
    if (there.length === 0)
      return problem('not-found', 'GET /api/v1/openapi.json lists the addresses of this program')
    if (found === undefined) {
      const allow = there.map(({ endpoint }) => endpoint.method).join(', ')
      return problem('method-not-allowed', `use ${allow}`, { headers: { allow } })
    }
    const { endpoint, parameters } = found
    if (isForeign(request))
      return problem('foreign-origin', 'send the request from the status page, or without Origin')
    const token = endpoint.open ? { name: '' } : check(request)
    if ('problem' in token) return token
    const read = await readOf(endpoint, request, body)
    if ('problem' in read) return read
    const outcome = await endpoint.act({
      path: parameters,
      query: queryOf(request, endpoint.query),
      ...read,
      by: token.name,
    })
    if (endpoint.action !== undefined && !('problem' in outcome))
      options.changed({ action: endpoint.action, target: outcome.target ?? '', by: token.name })
    return outcome
  }
  return async (request, body) => {
    const outcome = await outcomeOf(request, body).catch((error: unknown) => {
      options.logger('error', 'api-failed', { method: request.method, error: String(error) })
      return problem('internal', 'the log of the program has the error: report it')
    })
    return 'problem' in outcome ? replyOf(outcome) : jsonReply(outcome)
  }
}

const readOf = async (
  endpoint: Bound,
  { contentType }: Request,
  body: () => Promise<Body>,
): Promise<{ body: Readonly<Record<string, unknown>> } | Problem> => {
  if (endpoint.body === undefined) return { body: {} }
  const sent = await body()
  if ('refused' in sent) return bodyProblem(sent.refused)
  if (sent.bytes.length > 0 && !/^application\/json\b/i.test(contentType ?? ''))
    return problem('not-json', `Content-Type: ${contentType ?? 'none'} is not read: send application/json`)
  return readBody(sent.bytes, endpoint.body)
}
