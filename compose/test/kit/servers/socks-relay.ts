import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A SOCKS5 server without a login, for IPv4 destinations. */
export type SocksRelay = AsyncDisposable & {
  readonly port: number
  /** Closes the listener and every connection: dials are refused from now on. */
  goAway(): Promise<void>
  /** Listens again on the same port. */
  comeBack(): Promise<void>
}

const greeting = 3
const request = 10
const refused = Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0])
const granted = Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 0])

/** Connects the client to the destination of its request. */
const forward = (client: Socket, bytes: Buffer, opened: (socket: Socket) => void): void => {
  const far = connect(bytes.readUInt16BE(8), bytes.subarray(4, 8).join('.'))
  opened(far)
  const refuse = (): void => void client.end(refused)
  far.once('error', refuse)
  far.once('connect', () => {
    far.off('error', refuse).on('error', () => client.destroy())
    client.write(granted)
    client.pipe(far).pipe(client)
    client.on('close', () => far.destroy())
  })
}

const serve = (client: Socket, opened: (socket: Socket) => void): void => {
  let bytes = Buffer.alloc(0)
  let answered = false
  const take = (part: Buffer): void => {
    bytes = Buffer.concat([bytes, part])
    if (!answered && bytes.length >= greeting) {
      answered = true
      client.write(Buffer.from([5, 0]))
    }
    if (bytes.length < greeting + request) return
    client.off('data', take)
    forward(client, bytes.subarray(greeting), opened)
  }
  client.on('data', take).on('error', () => client.destroy())
}

export const socksRelay = async (): Promise<SocksRelay> => {
  const sockets = new Set<Socket>()
  const opened = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  }
  const open = async (port: number): Promise<Server> => {
    const server = createServer((client) => {
      opened(client)
      serve(client, opened)
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  }
  let server: Server | null = await open(0)
  const { port } = server.address() as AddressInfo
  const goAway = async (): Promise<void> => {
    const closing = server
    server = null
    for (const socket of sockets) socket.destroy()
    if (closing !== null) await new Promise((resolve) => closing.close(resolve))
  }
  return {
    port,
    goAway,
    comeBack: async () => {
      server ??= await open(port)
    },
    [Symbol.asyncDispose]: goAway,
  }
}
