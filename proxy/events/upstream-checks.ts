import {
  amount,
  type Check,
  dialError,
  flag,
  hex,
  integer,
  label,
  oneOf,
  optional,
  type Shape,
} from './checks.ts'
import type { DialError, Family, UpstreamError } from './contract.ts'
import type { DialFailure, UpstreamFailure } from './upstream.ts'

const family = oneOf<Family>({ ipv4: true, ipv6: true })
const ownError = oneOf<Exclude<UpstreamError, DialError>>({
  login: true,
  denied: true,
  'no-source': true,
  'no-ports': true,
})
const upstreamError: Check<UpstreamError> = (value): value is UpstreamError =>
  dialError(value) || ownError(value)

/** A name of UPSTREAMS: `socks5-1`, `bind-192.0.2.0/24`, `bind-2001:db8:1::/48`, `bind-eth1`, or chosen by the operator. */
export const upstream: Check<string> = (value): value is string =>
  typeof value === 'string' && value.length <= 48 && /^[a-z0-9][\w.:/-]*$/.test(value)

export const upstreamFailure: Shape<UpstreamFailure> = {
  connection: optional(hex(32)),
  upstream,
  error: upstreamError,
  elapsedMs: amount,
}

export const dialFailure: Shape<DialFailure> = {
  connection: optional(hex(32)),
  dc: integer,
  media: flag,
  address: label,
  family,
  error: dialError,
  elapsedMs: amount,
  upstream: optional(upstream),
}
