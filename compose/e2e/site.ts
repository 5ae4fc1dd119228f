import { once } from 'node:events'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { selfSigned } from './certificate.ts'

/** A masking host on loopback. */
export type Site = AsyncDisposable & {
  host: string
  port: number
  /** TCP connections accepted so far. */
  accepted: () => number
  /** PEM of the certificate, when it speaks TLS. */
  cert: string
  /** Closes the listener and everybody on it. */
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

/** A server whose answers can be compared byte for byte: it does with each connection what it is told. */
export const tcpSite = (serve: (socket: Socket) => void): Promise<Site> =>
  listening(createServer({ allowHalfOpen: true }, serve), '')

/** Says back what it hears, and a last word after the FIN. */
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
