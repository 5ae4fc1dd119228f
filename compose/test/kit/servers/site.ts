import { once } from 'node:events'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { selfSigned } from './certificate.ts'

/** A masking host on loopback. */
export type Site = AsyncDisposable & {
  host: string
  port: number
  /** TCP connections accepted so far. */
  accepted: () => number
  /** PEM of the certificate; empty without TLS. */
  cert: string
  /** Closes the listener and every connection. */
  goAway(): Promise<void>
  /** Listens again, on the same port. */
  comeBack(): Promise<void>
}

export const siteName = 'mask.test'
export const sitePage = '<!doctype html><title>A site like any other</title>'

/** A real HTTPS server, with the session tickets, alerts and closes of OpenSSL. */
export const tlsSite = (
  name = siteName,
  { host = '127.0.0.1', port = 0, handshakeTimeout = 120_000 } = {},
): Promise<Site> => {
  const { key, cert } = selfSigned(name)
  const server = createHttpsServer({ key, cert, handshakeTimeout }, (_request, response) => {
    response.end(sitePage)
  })
  return listening(server, cert, host, port)
}

/** A plain TCP server that hands each connection to `serve`, so that answers can be compared byte for byte. */
export const tcpSite = (serve: (socket: Socket) => void): Promise<Site> =>
  listening(createServer({ allowHalfOpen: true }, serve), '')

/** A host whose accept queue is full: a connection is neither accepted nor refused. */
export const deafSite = async (): Promise<Site> => {
  const source = `
    const { createServer } = require('node:net')
    const { parentPort } = require('node:worker_threads')
    const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const thread = new Worker(source, { eval: true })
  const [port] = (await once(thread, 'message')) as [number]
  const inQueue = await Promise.all(
    Array.from({ length: 2 }, async () => {
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      await once(socket, 'connect')
      return socket
    }),
  )
  const goAway = async (): Promise<void> => {
    for (const socket of inQueue) socket.destroy()
    await thread.terminate()
  }
  const never = async (): Promise<void> => {}
  const host = '127.0.0.1'
  return { host, port, accepted: () => 0, cert: '', goAway, comeBack: never, [Symbol.asyncDispose]: goAway }
}

/** Echoes the bytes that it receives, and sends `bye` after the FIN. */
export const echoSite = (): Promise<Site> =>
  tcpSite((socket) => {
    socket.on('data', (bytes: Buffer) => socket.write(bytes))
    socket.on('end', () => socket.end('bye'))
  })

const listening = async (server: Server, cert: string, host = '127.0.0.1', port = 0): Promise<Site> => {
  const sockets = new Set<Socket>()
  let accepted = 0
  server.on('connection', (socket: Socket) => {
    accepted++
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(port, host)
  await once(server, 'listening')
  const at = (server.address() as AddressInfo).port
  const goAway = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  return {
    host,
    port: at,
    accepted: () => accepted,
    cert,
    goAway,
    comeBack: async () => {
      server.listen(at, host)
      await once(server, 'listening')
    },
    [Symbol.asyncDispose]: goAway,
  }
}
