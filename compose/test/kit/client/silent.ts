import { connect, type Socket } from 'node:net'
import { until } from '../../until.ts'
import { connectClient } from './client.ts'

/** Connects and sends nothing; any end is fine. */
export const mute = (port: number, localAddress = '127.0.0.1'): Socket => {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.on('error', () => {})
  socket.resume()
  return socket
}

/** Unauthenticated clients that send nothing. */
export const silentClients = (port: number, count: number): Disposable => {
  const sockets = Array.from({ length: count }, () => mute(port))
  return {
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

export const servedAgain = ({
  port,
  secret,
}: {
  readonly port: number
  readonly secret: string
}): Promise<unknown> =>
  until(async () => {
    await using client = await connectClient({ mode: 'secure', port, secret })
    return await client.reqPq().then(
      () => true,
      () => false,
    )
  }, 'a client is served again')
