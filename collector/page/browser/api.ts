/// <reference lib="dom" />
import type { Api } from './api-types.ts'

/** The API with the token that a person typed: kept for this tab only, and sent to this server only. */

const storage = 'api-token'
/** Without storage the token lasts as long as the page. */
let token: string | null = null
try {
  token = sessionStorage.getItem(storage)
} catch {
  // Storage is refused.
}

export const hasToken = (): boolean => token !== null

export const setToken = (next: string | null): void => {
  token = next
  try {
    if (next === null) sessionStorage.removeItem(storage)
    else sessionStorage.setItem(storage, next)
  } catch {
    // Storage is refused.
  }
}

/** Why the API refused, in words for a person. */
export class Refused extends Error {
  readonly status: number
  readonly errors: readonly { readonly field: string; readonly mistake: string }[]

  constructor(status: number, message: string, errors: Refused['errors'] = []) {
    super(message)
    this.status = status
    this.errors = errors
  }
}

const patienceMs = 15_000

const ask = async (method: string, path: string, body?: unknown): Promise<Response> => {
  const response = await fetch(`/api/v1${path}`, {
    method,
    cache: 'no-store',
    signal: AbortSignal.timeout(patienceMs),
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new Refused(0, 'There is no answer: check the connection, and try again.')
  })
  if (response.ok) return response
  const problem: { detail?: unknown; errors?: unknown } = await response.json().catch(() => ({}))
  const detail = typeof problem.detail === 'string' ? problem.detail : `HTTP ${response.status}`
  // The server wrote it as the document describes it.
  throw new Refused(response.status, detail, Array.isArray(problem.errors) ? problem.errors : [])
}

const json = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
  const response = await ask(method, path, body)
  return response.status === 204 ? (undefined as T) : response.json()
}

const of = (user: string): string => `/users/${encodeURIComponent(user)}`

export const api: Api = {
  list: (find, most) => json('GET', `/users?most=${most}&find=${encodeURIComponent(find)}`),
  limits: () => json('GET', '/limits'),
  links: (user) => json('GET', `${of(user)}/links`),
  qr: async (user, mode, domain) => {
    const query = new URLSearchParams({ mode, ...(domain === null ? {} : { domain }) })
    return (await ask('GET', `${of(user)}/qr?${query}`)).text()
  },
  add: (name, limits) => json('POST', '/users', { name, limits }),
  change: (user, limits) => json('PATCH', of(user), { limits }),
  act: (user, action) =>
    action === 'remove' ? json('DELETE', of(user)) : json('POST', `${of(user)}/${action}`),
}
