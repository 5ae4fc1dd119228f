import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/**
 * A masking host whose answer depends on nothing but the bytes that it gets: each is returned in another form, until their sum
 * makes the host end its answer, or reset the connection. So the answer to a client is known without asking.
 */
const mirror = () => {
  let at = 0
  let sum = 0
  let over: 'fin' | 'reset' | null = null
  return {
    /** The answer to the next bytes. */
    next: (bytes: Buffer): Buffer => {
      const out = Buffer.alloc(bytes.length)
      let length = 0
      for (const byte of bytes) {
        if (over !== null) break
        out[length++] = byte ^ 0xa5 ^ (at & 0xff)
        sum += byte
        if (++at >= 16 && sum % 97 === 0) over = 'fin'
        else if (at >= 16 && sum % 389 === 0) over = 'reset'
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

/**
 * What the host sends to a client that sends these bytes and FIN, and how it ends: as a web site, without a byte to one that
 * sends none. Of an answer that ends by a reset, any part may arrive.
 */
export const answerTo = (bytes: Buffer): { readonly answer: Buffer; readonly end: 'fin' | 'reset' } => {
  const site = mirror()
  const answer = site.next(bytes)
  if (site.over === 'reset') return { answer, end: 'reset' }
  return { answer: bytes.length === 0 ? answer : Buffer.concat([answer, bye]), end: 'fin' }
}

const serve = (socket: Socket): void => {
  const site = mirror()
  socket.on('error', () => {})
  socket.on('data', (bytes: Buffer) => {
    if (socket.writableEnded) return
    socket.write(site.next(bytes))
    if (site.over === 'fin') socket.end(bye)
    else if (site.over === 'reset') socket.resetAndDestroy()
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
