import { createServer, type ListenOptions, type Server } from 'node:net'

const noAddress: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'EINVAL',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/** One line for the operator. */
export class ListenError extends Error {
  readonly code = 'ERR_PORT_TAKEN'
  constructor(
    name: 'MTPROTO_PORT' | 'METRICS_PORT' | 'COLLECTOR_PORT',
    host: string,
    port: number,
    why: string,
  ) {
    const hostName = name === 'MTPROTO_PORT' ? 'MTPROTO_HOST' : 'METRICS_HOST'
    const advice =
      why === 'EACCES'
        ? `only root may, on this host: sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}, CAP_NET_BIND_SERVICE, or choose a port above 1023`
        : 'stop the program that has it, or choose another port'
    super(
      noAddress.has(why)
        ? `${hostName}=${host} is no address of this host (${why}): write one of its own, 127.0.0.1, or :: for all`
        : `${name}=${port} cannot be listened on (${why}): ${advice}`,
    )
    this.name = 'ListenError'
  }
}

export type ClaimedPort = {
  readonly port: number
  /** Another proxy may claim it from now on; once more does nothing. */
  free(): void
}

const listening = (options: ListenOptions): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ ...options, exclusive: true }, () => resolve(server))
  })
/** Of a listener's error. */
export const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)
const closed = (server: Server): Promise<void> => new Promise((resolve) => void server.close(() => resolve()))

/** The port itself, taken as one takes it who shares it with nobody, and given back; it answers which it was. */
const tryPort = async (host: string, port: number): Promise<number> => {
  try {
    const server = await listening({ host, port })
    const address = server.address()
    await closed(server)
    return typeof address === 'object' && address !== null ? address.port : port
  } catch (error) {
    if (host === '::' && codeOf(error) === 'EAFNOSUPPORT') return tryPort('0.0.0.0', port)
    throw new ListenError('MTPROTO_PORT', host, port, codeOf(error))
  }
}

/**
 * The workers share the port by SO_REUSEPORT, which would let two proxies of one user share it silently: so the port
 * is first taken alone, unless MTPROTO_PORT_SHARED says that just this is meant. Port 0 becomes a free one.
 * The workers come later: until they listen, and as long as they do, a name that goes with the port keeps out whoever
 * starts at the same moment. It is an abstract Unix socket, which lives in the network namespace as the port does and
 * ends with the process; elsewhere than on Linux there is none.
 */
export const claimPort = async (host: string, port: number, shared: boolean): Promise<ClaimedPort> => {
  if (shared && port > 0) {
    // Any port, for the address alone: the port may well be taken.
    await tryPort(host, 0)
    return { port, free: () => {} }
  }
  const free = await tryPort(host, port)
  if (process.platform !== 'linux') return { port: free, free: () => {} }
  try {
    const name = (await listening({ path: `\0mtscope ${host} ${free}` })).unref()
    return { port: free, free: () => void name.close() }
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') return { port: free, free: () => {} }
    if (port === 0) return claimPort(host, port, shared)
    throw new ListenError('MTPROTO_PORT', host, port, 'another mtscope is starting on it')
  }
}
