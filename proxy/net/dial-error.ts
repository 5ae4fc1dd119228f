import type { DialError } from '../events/contract.ts'

const errors = new Map<string, DialError>([
  ['ECONNREFUSED', 'refused'],
  ['ETIMEDOUT', 'timeout'],
  ['ENETUNREACH', 'unreachable'],
  ['EHOSTUNREACH', 'unreachable'],
  ['ENETDOWN', 'unreachable'],
  ['EHOSTDOWN', 'unreachable'],
  ['EADDRNOTAVAIL', 'unreachable'],
  ['EAFNOSUPPORT', 'unreachable'],
  ['EPERM', 'unreachable'], // a local firewall's REJECT
  ['EACCES', 'unreachable'], // a route that prohibits
  ['ENOTFOUND', 'unreachable'],
  ['EAI_AGAIN', 'unreachable'],
  ['ECONNRESET', 'reset'],
  ['ECONNABORTED', 'reset'],
  ['EPIPE', 'reset'],
  ['EMFILE', 'no-descriptors'],
  ['ENFILE', 'no-descriptors'],
  ['ENOBUFS', 'no-descriptors'],
  ['ENOMEM', 'no-descriptors'],
])

/** The class of a failed dial, from the `code` of a socket's error or an `AggregateError`. */
export const dialErrorOf = (code: string | undefined): DialError => errors.get(code ?? '') ?? 'other'
