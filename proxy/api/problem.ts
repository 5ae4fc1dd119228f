import type { HttpRefusal } from '../http/refusals.ts'
import type { Reply } from '../http/server.ts'

/** A field that is wrong, as `name` or `limits.quotaDay`, with its value unless that is secret, and the remedy. */
export type FieldMistake = { readonly field: string; readonly value?: unknown; readonly mistake: string }

/** Why a request fails, as RFC 9457 defines it. https://www.rfc-editor.org/rfc/rfc9457 */
export type Problem = {
  readonly problem: keyof typeof problems
  /** What failed, and what to do. */
  readonly detail: string
  readonly errors?: readonly FieldMistake[]
  readonly headers?: Readonly<Record<string, string>>
}

/** Every kind of problem: its status and title. The type is `urn:mtscope:problem:` and the kind. */
export const problems = {
  'invalid-request': { status: 400, title: 'The request has invalid fields' },
  'token-required': { status: 401, title: 'The request needs a valid token' },
  'foreign-origin': { status: 403, title: 'A page of another site sent the request' },
  'not-found': { status: 404, title: 'There is nothing at this address' },
  'method-not-allowed': { status: 405, title: 'The address does not take this method' },
  conflict: { status: 409, title: 'The request contradicts the present state' },
  'length-required': { status: 411, title: 'The request has no Content-Length' },
  'too-large': { status: 413, title: 'The body is too large' },
  'not-json': { status: 415, title: 'The body is not JSON' },
  refused: { status: 422, title: 'The settings are invalid' },
  'too-many-failures': { status: 429, title: 'Too many requests had no valid token' },
  internal: { status: 500, title: 'A fault of mtscope' },
  unavailable: { status: 503, title: 'A service that the request needs does not answer' },
} as const satisfies Readonly<Record<string, { readonly status: number; readonly title: string }>>

export const problem = (
  kind: Problem['problem'],
  detail: string,
  more: Pick<Problem, 'errors' | 'headers'> = {},
): Problem => ({ problem: kind, detail, ...more })

const refusals: Partial<Record<Problem['problem'], HttpRefusal>> = {
  'token-required': 'token',
  'too-many-failures': 'token-limit',
  'foreign-origin': 'origin',
}

export const replyOf = ({ problem: kind, detail, errors, headers }: Problem): Reply => {
  const { status, title } = problems[kind]
  const refused = refusals[kind]
  return {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify({ type: `urn:mtscope:problem:${kind}`, title, status, detail, errors }),
    ...(refused === undefined ? {} : { refused }),
  }
}
