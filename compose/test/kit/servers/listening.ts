import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'

/** Lets a server listen on an address and a given or any free port, until it is disposed. */
export const listening = async (server: Server, host = '127.0.0.1', port = 0) => {
  server.listen(port, host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.close()
      await once(server, 'close')
    },
  }
}
