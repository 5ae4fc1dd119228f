import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, isIPv6, type Server, type Socket } from 'node:net'
import { type MiddleClient, type MiddleManner, type Shared, serveFrames } from './middle-clients.ts'
import { resetAll } from './reset-all.ts'
import { type Frame, frameOf, ops, payloadOf, streamsOf, takeFrames, toBlocks } from './rpc-wire.ts'

export type FakeMiddleProxy = AsyncDisposable & {
  /** `host:port`, in brackets for IPv6. */
  address: string
  host: string
  port: number
  secret: Buffer
  manner: MiddleManner
  /** Connections of proxies that are open, and all that there were. */
  open: () => number
  accepted: () => number
  /** Clients that were closed by neither side. */
  clients: () => readonly MiddleClient[]
  next: () => Promise<MiddleClient>
  /** Requests so far. */
  requests: () => number
  /** Pings that the proxy answered, and its own ones. */
  pongs: () => number
  pings: () => number
  ping: () => void
  /** Bytes that a correct proxy does not send. Disposing of a middle proxy with complaints throws. */
  complaints: string[]
  /** Refuses connections, and resets the open ones. */
  goAway: () => Promise<void>
  comeBack: () => Promise<void>
}

const bytesOf = (host: string): Buffer => {
  if (!isIPv6(host)) return Buffer.from(host.split('.').map(Number))
  const plain = host.startsWith('::ffff:') ? host.slice(7) : host
  if (!isIPv6(plain)) return bytesOf(plain)
  const [left = '', right] = plain.split('::')
  const words = (side: string): number[] =>
    side === '' ? [] : side.split(':').map((word) => Number.parseInt(word, 16))
  const [head, tail] = [words(left), right === undefined ? [] : words(right)]
  const all = [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail]
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 0xff]))
}

/** The encrypted stream of frames on one socket: calls `frame` for each but the nonce. */
const securely = (socket: Socket, { manner, secret }: Shared, frame: (frame: Frame) => void) => {
  let [plain, sealed, held]: Buffer[] = [Buffer.alloc(0), Buffer.alloc(0), Buffer.alloc(0)]
  let streams: ReturnType<typeof streamsOf> | undefined
  let sent = -2
  const nonce = (payload: Buffer): void => {
    const own = manner.mood === 'other-secret' ? randomBytes(128) : secret
    if (payload.length !== 32 || payload.readUInt32LE(0) !== ops.nonce) throw new Error('no nonce')
    if (!payload.subarray(4, 8).equals(secret.subarray(0, 4))) throw new Error('another secret')
    if (payload.readUInt32LE(8) !== 1) throw new Error('another schema')
    const aheadSeconds = Math.abs(payload.readUInt32LE(12) - Date.now() / 1000)
    if (aheadSeconds > 30) throw new Error(`a time ${aheadSeconds} s away`)
    const serverNonce = randomBytes(16)
    const time = Buffer.from(payload.subarray(12, 16))
    const answer = frameOf(sent++, payloadOf('nonce', own.subarray(0, 4), 1, time, serverNonce))
    socket.write(manner.padsNonce ? toBlocks(answer) : answer)
    const client = { bytes: bytesOf(manner.sees ?? socket.remoteAddress!), port: socket.remotePort! }
    const server = { bytes: bytesOf(socket.localAddress!), port: socket.localPort! }
    const clientNonce = Buffer.from(payload.subarray(16, 32))
    streams = streamsOf({ secret: own, clientNonce, serverNonce, time, client, server })
  }
  return {
    send: (payload: Buffer): boolean => {
      if (socket.destroyed) return true
      const bytes = toBlocks(frameOf(sent++, payload))
      if (manner.mood === 'corrupt') {
        manner.mood = 'normal'
        bytes[9]! ^= 1
      }
      return socket.write(streams!.middle.seal.update(bytes))
    },
    take: (bytes: Buffer): void => {
      let rest = bytes
      if (streams === undefined) {
        plain = Buffer.concat([plain!, bytes])
        // Only this frame is not encrypted: 32 bytes of nonce message and 12 around it.
        if (plain.length < 44) return
        takeFrames(plain.subarray(0, 44), ({ sequence, payload }) => {
          if (sequence !== -2) throw new Error(`a nonce with sequence ${sequence}`)
          nonce(payload)
        })
        rest = plain.subarray(44)
      }
      sealed = Buffer.concat([sealed!, rest])
      const whole = sealed.length - (sealed.length % 16)
      const opened = streams!.proxy.open.update(sealed.subarray(0, whole))
      sealed = sealed.subarray(whole)
      held = takeFrames(Buffer.concat([held!, opened]), frame)
    },
  }
}

const serve = (socket: Socket, shared: Shared, complain: (why: unknown) => void): void => {
  const { manner } = shared
  let received = -1
  let serving: ((payload: Buffer) => void) | undefined
  const handshake = (payload: Buffer): void => {
    if (payload.length !== 32 || payload.readUInt32LE(0) !== ops.handshake) throw new Error('no handshake')
    send(payloadOf('handshake', 0, payload.subarray(20, 32), payload.subarray(8, 20)))
    serving = serveFrames(socket, shared, send, complain)
    const ping = (): void => void send(payloadOf('ping', 77n))
    shared.pinging.add(ping)
    socket.on('close', () => shared.pinging.delete(ping))
  }
  const { send, take } = securely(socket, shared, ({ sequence, payload }) => {
    if (sequence !== received++) throw new Error(`sequence ${sequence} instead of ${received - 1}`)
    if (serving) serving(payload)
    else handshake(payload)
  })
  // Each of its clients may wait for it to drain.
  socket.setNoDelay(true).setMaxListeners(0)
  socket.on('error', () => {})
  socket.on('end', () => socket.end())
  socket.on('data', (bytes: Buffer) => {
    if (manner.mood === 'deaf') return void socket.pause()
    try {
      take(bytes)
    } catch (error) {
      // With another secret nothing can be read.
      if (manner.mood !== 'other-secret') complain(error)
      socket.destroy()
    }
  })
}

/** Telegram's middle proxy: checks strictly what a proxy sends, and serves its clients as the fake datacenter does. */
export const fakeMiddleProxy = async (
  options: Partial<MiddleManner> & { host?: string; secret?: Buffer; tag?: string | null } = {},
): Promise<FakeMiddleProxy> => {
  const { host = '127.0.0.1', secret = randomBytes(128) } = options
  const manner: MiddleManner = {
    mood: options.mood ?? 'normal',
    padsNonce: options.padsNonce ?? false,
    sees: options.sees ?? null,
  }
  const sockets = new Set<Socket>()
  const complaints: string[] = []
  let waiting: ((client: MiddleClient) => void)[] = []
  let accepted = 0
  const shared: Shared = {
    manner,
    secret,
    clients: new Set(),
    counts: { requests: 0, pongs: 0, pings: 0 },
    opened: (client) => {
      for (const report of waiting) report(client)
      waiting = []
    },
    pinging: new Set(),
    tag: options.tag,
  }
  const accept = (socket: Socket): void => {
    accepted++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    serve(socket, shared, (why) => complaints.push(why instanceof Error ? why.message : String(why)))
  }
  const listen = async (port: number): Promise<Server> => {
    const opened = createServer({ allowHalfOpen: true }, accept).listen(port, host)
    await once(opened, 'listening')
    return opened
  }
  let server: Server | undefined = await listen(0)
  const { port } = server.address() as AddressInfo
  const goAway = async (): Promise<void> => {
    const closing = server
    server = undefined
    resetAll(sockets)
    if (closing) await new Promise((resolve) => closing.close(resolve))
  }
  return {
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    host,
    port,
    secret,
    manner,
    open: () => sockets.size,
    accepted: () => accepted,
    clients: () => [...shared.clients],
    next: () => new Promise((resolve) => waiting.push(resolve)),
    requests: () => shared.counts.requests,
    pongs: () => shared.counts.pongs,
    pings: () => shared.counts.pings,
    ping: () => {
      for (const ping of shared.pinging) ping()
    },
    complaints,
    goAway,
    comeBack: async () => {
      server ??= await listen(port)
    },
    [Symbol.asyncDispose]: async () => {
      await goAway()
      if (complaints.length > 0)
        throw new Error(`the middle proxy received invalid bytes: ${complaints.join('; ')}`)
    },
  }
}
