import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP forwarder to `port` that can drop everything without a refusal or reset, as a network black hole does. */
export const startForwarder = async (port: () => number) => {
  const sockets = new Set<Socket>()
  let silent = false
  const server = createServer((near) => {
    const far = connect(port(), '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('data', (bytes: Buffer) => {
        if (!silent) other.write(bytes)
      })
      one
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(one)
          if (!silent) other.destroy()
        })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    swallow: (): void => {
      silent = true
    },
    /** Ends the drop. Bytes that it swallowed are lost, and its connections are closed. */
    restore: (): void => {
      silent = false
      for (const socket of sockets) socket.destroy()
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
