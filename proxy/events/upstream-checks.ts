import { amount, type Check, hex, oneOf, optional, type Shape } from './checks.ts'
import type { DialError, UpstreamError } from './contract.ts'
import type { UpstreamFailure } from './upstream.ts'

const dialErrors: Readonly<Record<DialError, true>> = {
  refused: true,
  timeout: true,
  unreachable: true,
  reset: true,
  'no-descriptors': true,
  protocol: true,
  other: true,
}
export const dialError = oneOf(dialErrors)
const upstreamError = oneOf<UpstreamError>({
  ...dialErrors,
  login: true,
  denied: true,
  'no-source': true,
  'no-ports': true,
})
/** A name of UPSTREAMS: `socks5-1`, `bind-192.0.2.0/24`, `bind-2001:db8:1::/48`, `bind-eth1`, or chosen by the operator. */
export const upstream: Check<string> = (value): value is string =>
  typeof value === 'string' && value.length <= 48 && /^[a-z0-9][\w.:/-]*$/.test(value)

export const upstreamFailure: Shape<UpstreamFailure> = {
  connection: optional(hex(32)),
  upstream,
  error: upstreamError,
  elapsedMs: amount,
}
