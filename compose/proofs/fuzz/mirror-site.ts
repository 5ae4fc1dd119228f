import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/**
 * A masking host whose answer depends on nothing but the bytes that it gets: each is returned in another form, until a sum
 * ends the answer. So the answer to a client is known without asking.
 */
const mirror = () => {
  let at = 0
  let sum = 0
  let over = false
  return {
    /** The answer to the next bytes. */
    next: (bytes: Buffer): Buffer => {
      const out = Buffer.alloc(bytes.length)
      let length = 0
      for (const byte of bytes) {
        if (over) break
        out[length++] = byte ^ 0xa5 ^ (at & 0xff)
        sum += byte
        over = ++at >= 16 && sum % 97 === 0
      }
      return out.subarray(0, length)
    },
    get begun() {
      return at > 0
    },
    get over() {
      return over
    },
  }
}

const bye = Buffer.from('bye')

/** What the host sends to a client that sends these bytes and FIN: as a web site, nothing to one that sends no byte. */
export const answerTo = (bytes: Buffer): Buffer =>
  bytes.length === 0 ? bytes : Buffer.concat([mirror().next(bytes), bye])

const serve = (socket: Socket): void => {
  const site = mirror()
  socket.on('error', () => {})
  socket.on('data', (bytes: Buffer) => {
    if (socket.writableEnded) return
    socket.write(site.next(bytes))
    if (site.over) socket.end(bye)
  })
  socket.on('end', () => {
    if (!socket.writableEnded) socket.end(site.begun ? bye : '')
  })
}

export type Server = { readonly port: number; readonly close: () => Promise<void> }

export const served = async (serveOne: (socket: Socket) => void): Promise<Server> => {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    serveOne(socket)
  }).listen({ port: 0, host: '127.0.0.1', backlog: 1024 })
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export const mirrorSite = (): Promise<Server> => served(serve)

/** A datacenter that reads everything, answers nothing, and ends when the proxy does. */
export const silentDatacenter = (): Promise<Server> =>
  served((socket) => {
    socket.on('error', () => {}).resume()
    socket.on('end', () => socket.end())
  })
