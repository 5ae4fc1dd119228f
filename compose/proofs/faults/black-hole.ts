import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a broker that can fall silent: nothing is refused, nothing is reset, nothing arrives. */
export const startWay = async (port: () => number) => {
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
    /** What came in the silence is gone; those connections never hear again. */
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
