import { createServer, type ListenOptions, type Server } from 'node:net'
import { hostAndPort } from './host-name.ts'

const noAddress: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'EINVAL',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/** A place that cannot be listened on, in one line for the operator. */
export class ListenError extends Error {
  readonly code = 'ERR_PORT_TAKEN'
  constructor(message: string) {
    super(message)
    this.name = 'ListenError'
  }
}

type PortName = 'MTPROTO_PORT' | 'METRICS_PORT' | 'COLLECTOR_PORT' | 'LISTEN'

/** `why`: the code of the error. */
export const portError = (name: PortName, host: string, port: number, why: string): ListenError => {
  const isListen = name === 'LISTEN'
  const hostName = isListen ? 'LISTEN' : name === 'MTPROTO_PORT' ? 'MTPROTO_HOST' : 'METRICS_HOST'
  const advice =
    why === 'EACCES'
      ? `only root may listen on it: run sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}, grant CAP_NET_BIND_SERVICE, or choose a port above 1023`
      : 'stop the program that uses it, or choose another port'
  const place = isListen ? hostAndPort(host, port) : port
  return new ListenError(
    noAddress.has(why)
      ? `${hostName}=${isListen ? place : host} is not an address of this host (${why}): write one of its addresses, 127.0.0.1, or :: for all`
      : `${name}=${place} cannot be listened on (${why}): ${advice}`,
  )
}

export type ClaimedPort = {
  readonly port: number
  /** Lets another proxy claim it. A second call does nothing. */
  free(): void
}

const listening = (options: ListenOptions): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ ...options, exclusive: true }, () => resolve(server))
  })
/** The code of a listener's error. */
export const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)
const closed = (server: Server): Promise<void> => new Promise((resolve) => void server.close(() => resolve()))

/** Binds the port exclusively, releases it, and returns its number. */
const tryPort = async (name: PortName, host: string, port: number): Promise<number> => {
  try {
    const server = await listening({ host, port })
    const address = server.address()
    await closed(server)
    return typeof address === 'object' && address !== null ? address.port : port
  } catch (error) {
    if (host === '::' && codeOf(error) === 'EAFNOSUPPORT') return tryPort(name, '0.0.0.0', port)
    throw portError(name, host, port, codeOf(error))
  }
}

/**
 * Claims the port for this proxy, unless MTPROTO_PORT_SHARED is set; port 0 becomes a free one. Workers share the port by
 * SO_REUSEPORT, so a second proxy could share it silently. Binding it once finds a running proxy; on Linux an abstract Unix
 * socket with the port's name keeps out a proxy that starts at the same moment.
 */
export const claimPort = async (
  name: PortName,
  host: string,
  port: number,
  shared: boolean,
): Promise<ClaimedPort> => {
  if (shared && port > 0) {
    // Tests the address with any port: the port may be in use.
    await tryPort(name, host, 0)
    return { port, free: () => {} }
  }
  const free = await tryPort(name, host, port)
  if (process.platform !== 'linux') return { port: free, free: () => {} }
  try {
    const name = (await listening({ path: `\0mtscope ${host} ${free}` })).unref()
    return { port: free, free: () => void name.close() }
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') return { port: free, free: () => {} }
    if (port === 0) return claimPort(name, host, port, shared)
    throw portError(name, host, port, 'another mtscope is starting on it')
  }
}
