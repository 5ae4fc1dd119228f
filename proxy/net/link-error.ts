import type { LinkError } from './link.ts'

const errors = new Map<string, LinkError | null>([
  ['ECONNRESET', 'reset'],
  ['EPIPE', 'reset'],
  ['ECONNABORTED', 'reset'],
  ['ETIMEDOUT', 'timeout'],
  ['EHOSTUNREACH', 'timeout'],
  ['ENETUNREACH', 'timeout'],
  // Neither a far end nor a network causes these: wrong descriptor or address, forbidden call, no memory.
  ['EBADF', null],
  ['EFAULT', null],
  ['EINVAL', null],
  ['EIO', null],
  ['ENOMEM', null],
  ['ENOSYS', null],
  ['ENOTSOCK', null],
  ['EPERM', null],
])

/** How a connection ended, from the `code` of a call's error; null: by our own fault. */
export const linkErrorOf = (code: string): LinkError | null => {
  const error = errors.get(code)
  return error === undefined ? 'other' : error
}
