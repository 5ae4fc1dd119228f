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
  readonly ready: () => void
  readonly failed: (miss: Miss) => void
}

/** Connects; `bind` is the source. */
const connectSocket = (
  address: { readonly host: string; readonly port: number },
  source: Source | undefined,
  connected: (socket: Socket) => void,
  failed: (error: UpstreamError) => void,
): Socket => {
  const socket = connectFrom({ host: address.host, port: address.port, noDelay: true }, source)
  const fail = (error: NodeJS.ErrnoException): void => failed(connectErrorOf(error, source))
  // A socket that was destroyed may still report an error.
  socket.on('error', () => {}).once('error', fail)
  socket.once('connect', () => {
    socket.off('error', fail)
    connected(socket)
  })
  return socket
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
    if (step === 'connected') ready()
    else failed(missOf(step.failure))
  }
  socket.on('data', take).on('error', reset).on('end', reset)
  socket.write(protocol.greeting)
}

/**
 * A socket to an address through an upstream; null: as the routes of this host have it. Calls exactly one of the two, unless
 * the socket is destroyed before.
 */
export const socketThrough = (upstream: Upstream | null, address: Address, opening: Opening): Socket => {
  const { ready, failed } = opening
  if (upstream?.kind === 'socks5') {
    const server = { host: upstream.servers[0]!, port: upstream.port }
    return connectSocket(
      server,
      undefined,
      (socket) => shakeHands(socket, upstream, address, opening),
      (error) => failed({ hop: 'upstream', error }),
    )
  }
  const source =
    upstream?.kind === 'bind'
      ? { address: sourcesOf(upstream, address.family)[0]!, device: upstream.device }
      : undefined
  return connectSocket(address, source, ready, (error) => failed(socketMiss(error)))
}
