/**
 * Why the server refuses: 421 for the `Host` header, 503 once the work of a second is spent, 405, 400 or 431, a head or
 * an answer that takes too long, or a connection for which there is no place. The API adds 401 and 429 for a missing or
 * wrong token, and 403 for a request of another site's page.
 */
const reasons = [
  'host',
  'busy',
  'method',
  'malformed',
  'timeout',
  'connections',
  'token',
  'token-limit',
  'origin',
] as const

export type HttpRefusal = (typeof reasons)[number]
/** Refusals since the start. */
export type HttpRefusals = Record<HttpRefusal, number>

export const noRefusals = (): HttpRefusals =>
  Object.fromEntries(reasons.map((reason) => [reason, 0])) as HttpRefusals
