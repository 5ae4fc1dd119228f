import { createServer } from 'node:net'

/** One line for the operator. */
export class ListenError extends Error {
  readonly code = 'ERR_PORT_TAKEN'
  constructor(name: string, port: number, why: string) {
    super(
      `${name}=${port} cannot be listened on (${why}): stop the program that has it, or choose another port`,
    )
    this.name = 'ListenError'
  }
}

/**
 * The workers share the port by SO_REUSEPORT, which would let two proxies of one user share it silently: so the port
 * is first taken alone, unless MTPROTO_PORT_SHARED says that just this is meant. Port 0 becomes a free one.
 */
export const claimPort = (host: string, port: number, shared: boolean): Promise<number> => {
  if (shared && port > 0) return Promise.resolve(port)
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) =>
      host === '::' && error.code === 'EAFNOSUPPORT'
        ? resolve(claimPort('0.0.0.0', port, shared))
        : reject(new ListenError('MTPROTO_PORT', port, error.code ?? error.message)),
    )
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port))
    })
  })
}
