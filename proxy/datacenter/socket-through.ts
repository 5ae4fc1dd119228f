import type { Socket } from 'node:net'
import type { UpstreamError } from '../events/contract.ts'
import { addressBytes } from '../net/epoll/libc.ts'
import type { Source } from '../net/link.ts'
import { connectErrorOf, connectFrom } from '../net/node-net/connect.ts'
import { socks5 } from '../wire/socks5.ts'
import type { Address } from './directory.ts'
import { type Miss, missOf, socketMiss, sourcesOf, type Upstream } from './upstream.ts'

// `dialThrough` of the main thread, which has no engine.

type Opening = {
  readonly ready: (socket: Socket) => void
  readonly failed: (miss: Miss) => void
}

/** One way to connect a socket: to an address, from a source. */
type Try = { readonly host: string; readonly port: number; readonly source?: Source }

/** Connects in the first of these ways that works. The returned function ends it. */
const connectFirst = (
  [first, ...others]: readonly Try[],
  connected: (socket: Socket) => void,
  failed: (error: UpstreamError) => void,
): (() => void) => {
  const { host, port, source } = first!
  let end = (): void => void socket.destroy()
  const socket = connectFrom({ host, port, noDelay: true }, source)
  const fail = (error: NodeJS.ErrnoException): void => {
    if (others.length === 0) failed(connectErrorOf(error, source))
    else end = connectFirst(others, connected, failed)
  }
  // A socket that was destroyed may still report an error.
  socket.on('error', () => {}).once('error', fail)
  socket.once('connect', () => {
    socket.off('error', fail)
    connected(socket)
  })
  return () => end()
}

const shakeHands = (
  socket: Socket,
  { login }: Upstream & { kind: 'socks5' },
  address: Address,
  { ready, failed }: Opening,
): void => {
  const protocol = socks5(addressBytes(address.host), address.port, login)
  const over = (): void => void socket.off('data', take).off('error', reset).off('end', reset)
  const reset = (): void => {
    over()
    failed({ hop: 'upstream', error: 'reset' })
  }
  const take = (bytes: Buffer): void => {
    const step = protocol.take(bytes, 0, bytes.length)
    if (step === 'wait') return
    if (typeof step === 'object' && 'send' in step) return void socket.write(step.send)
    over()
    if (step === 'connected') ready(socket)
    else failed(missOf(step.failure))
  }
  socket.on('data', take).on('error', reset).on('end', reset)
  socket.write(protocol.greeting)
}

/**
 * Connects to an address through an upstream that is ready; null: as the routes of this host have it. Calls exactly one of the
 * two, unless it is ended before by the returned function.
 */
export const socketThrough = (
  upstream: Upstream | null,
  address: Address,
  opening: Opening,
): (() => void) => {
  const { host, port } = address
  if (upstream?.kind === 'socks5') {
    return connectFirst(
      upstream.servers.map((server) => ({ host: server, port: upstream.port })),
      (socket) => shakeHands(socket, upstream, address, opening),
      (error) => opening.failed({ hop: 'upstream', error }),
    )
  }
  const failed = (error: UpstreamError): void => opening.failed(socketMiss(error))
  if (upstream?.kind !== 'bind') return connectFirst([{ host, port }], opening.ready, failed)
  const { device } = upstream
  const sources = sourcesOf(upstream, address.family).map((source) => ({ address: source, device }))
  return connectFirst(
    sources.map((source) => ({ host, port, source })),
    opening.ready,
    failed,
  )
}
