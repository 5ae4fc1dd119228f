import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/**
 * For tests: a proxy between a producer and a broker. It drops every nth answer to a Produce request and closes the connection:
 * the batch is written, and the producer does not know. It can also swallow all bytes of the open connections.
 */
export const startThief = async (brokerPort: () => number, every: number) => {
  const sockets = new Set<Socket>()
  let answers = 0
  let stolen = 0
  let gaps = 0
  const server = createServer((client) => {
    const broker = connect(brokerPort(), '127.0.0.1')
    const produced = new Set<number>()
    const gap = gaps
    for (const socket of [client, broker]) {
      sockets.add(socket)
      socket
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(socket)
          client.destroy()
          broker.destroy()
        })
    }
    let asked: Buffer = Buffer.alloc(0)
    client.on('data', (bytes: Buffer) => {
      if (gap < gaps) return
      broker.write(bytes)
      asked = Buffer.concat([asked, bytes])
      // Request: length, API key (0 is Produce), version, correlation id.
      while (asked.length >= 12 && asked.length >= 4 + asked.readInt32BE(0)) {
        if (asked.readInt16BE(4) === 0) produced.add(asked.readInt32BE(8))
        asked = asked.subarray(4 + asked.readInt32BE(0))
      }
    })
    broker.on('data', (bytes: Buffer) => {
      if (gap < gaps) return
      if (bytes.length >= 8 && produced.delete(bytes.readInt32BE(4)) && ++answers % every === 0) {
        stolen++
        client.destroy()
        broker.destroy()
        return
      }
      client.write(bytes)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get stolen() {
      return stolen
    },
    /** From now on swallows the bytes of the open connections without closing them; new connections work. */
    swallow: (): void => {
      gaps++
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
