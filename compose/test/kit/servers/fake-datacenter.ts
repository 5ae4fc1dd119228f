import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { resetAll } from './reset-all.ts'
import { type Manner, type Served, serve } from './served-connection.ts'

export type FakeDatacenter = AsyncDisposable & {
  /** `host:port`, as in TELEGRAM_DATACENTERS. */
  address: string
  port: number
  /** TCP connections accepted so far, also those that never sent a byte. */
  accepted: () => number
  /** Sockets open now. */
  open: () => number
  /** Connections that sent a valid opening, oldest first: the last 2,000, or `remembered`. */
  served: readonly Served[]
  /** The next connection that sends a valid opening. */
  next: () => Promise<Served>
  /**
   * Bytes that a correct peer does not send: a reserved start, an unknown tag, a malformed frame. Disposing of a datacenter
   * with complaints throws, so that no test overlooks one.
   */
  complaints: string[]
  manner: Manner
  /** Closes the listener and resets every connection: dials are refused from now on. */
  goAway: () => Promise<void>
  /** Listens again on the same port. */
  comeBack: () => Promise<void>
}

export type DatacenterOptions = Partial<Manner> & { host?: string; port?: number; remembered?: number }

/** Telegram's end: obfuscated transport without a secret, `req_pq_multi`, and the test protocol of `wishes.ts`. */
export const fakeDatacenter = async (options: DatacenterOptions = {}): Promise<FakeDatacenter> => {
  const { host = '127.0.0.1', remembered = 2000 } = options
  const manner: Manner = { mood: options.mood ?? 'normal', delayMs: options.delayMs ?? 0 }
  const sockets = new Set<Socket>()
  const served: Served[] = []
  const complaints: string[] = []
  let waiting: ((one: Served) => void)[] = []
  let accepted = 0

  const accept = (socket: Socket): void => {
    accepted++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    serve(
      socket,
      () => manner,
      (one) => {
        served.push(one)
        if (served.length > remembered) served.shift()
        for (const report of waiting) report(one)
        waiting = []
      },
      (why) => complaints.push(why),
    )
  }
  const open = async (port: number): Promise<Server> => {
    const server = createServer({ allowHalfOpen: true }, accept)
    server.listen(port, host)
    await once(server, 'listening')
    return server
  }
  let server: Server | undefined = await open(options.port ?? 0)
  const { port } = server.address() as AddressInfo

  const goAway = async (): Promise<void> => {
    const closing = server
    server = undefined
    resetAll(sockets)
    if (closing) await new Promise((resolve) => closing.close(resolve))
  }
  return {
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    port,
    accepted: () => accepted,
    open: () => sockets.size,
    served,
    next: () => new Promise((resolve) => waiting.push(resolve)),
    complaints,
    manner,
    goAway,
    comeBack: async () => {
      server ??= await open(port)
    },
    [Symbol.asyncDispose]: async () => {
      await goAway()
      if (complaints.length > 0)
        throw new Error(`the datacenter received invalid bytes: ${complaints.join('; ')}`)
    },
  }
}
