import { connect, Socket, type SocketConstructorOpts, type TcpNetConnectOpts } from 'node:net'
import type { UpstreamError } from '../../events/contract.ts'
import { dialErrorOf } from '../dial-error.ts'
import { libc } from '../epoll/libc.ts'
import { openSource } from '../epoll/source.ts'
import type { Source } from '../link.ts'

const sourceErrors = new Map<string, UpstreamError>([
  ['EADDRNOTAVAIL bind', 'no-source'],
  ['EINVAL bind', 'no-source'],
  ['EADDRINUSE bind', 'no-ports'],
  ['EADDRNOTAVAIL connect', 'no-ports'],
])

class SourceError extends Error {
  readonly error: UpstreamError
  constructor(error: UpstreamError) {
    super(error)
    this.error = error
  }
}

/** The class of an error of a socket that `connectFrom` made. */
export const connectErrorOf = (error: NodeJS.ErrnoException, source?: Source): UpstreamError => {
  if (error instanceof SourceError) return error.error
  const ofSource = source && sourceErrors.get(`${error.code} ${error.syscall}`)
  return ofSource ?? dialErrorOf(error.code)
}

type Options = SocketConstructorOpts & TcpNetConnectOpts & { readonly host: string }

/**
 * `connect` of node:net to an IP address, from a source if there is one. Node cannot bind to an interface, nor without a port: where
 * FFI is, it gets a descriptor that is bound.
 */
export const connectFrom = (options: Options, source?: Source): Socket => {
  if (source === undefined) return connect(options)
  if (libc === null) return connect({ ...options, localAddress: source.address })
  const fd = openSource(libc, options.host, source)
  if (typeof fd === 'string') return new Socket().destroy(new SourceError(fd))
  return new Socket({ ...options, fd }).connect(options)
}
