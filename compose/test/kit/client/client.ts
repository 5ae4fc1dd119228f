import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { clientHello, type Hello, inRecords } from './client-hello.ts'
import { type Conversation, conversation } from './conversation.ts'
import { type Transport, unframe } from './frames.ts'
import { readMessage } from './messages.ts'
import { initiate } from './obfuscation.ts'
import { signedAgain } from './odd-hellos.ts'
import { type Cuts, segments } from './segments.ts'
import { appRecordBytes, type Greeting, unwrapper, wrapper } from './tls-client.ts'

/** `direct`: a client that connects to a datacenter without a proxy. */
export type Mode = 'direct' | 'classic' | 'secure' | 'tls'

export type ClientOptions = {
  port: number
  host?: string
  /** A Unix socket in place of host and port. */
  path?: string
  /** Local address of the socket. */
  localAddress?: string
  /** 16 bytes, or 32 hex digits; none in mode `direct`. */
  secret?: Buffer | string
  mode: Mode
  /** Padded intermediate for `secure` and `tls`, intermediate for `classic`. */
  transport?: Transport
  dc?: number
  media?: boolean
  /** The fake-TLS name. */
  domain?: string
  clockOffsetSeconds?: number
  postQuantum?: boolean
  /** Changes the hello before it is signed, see `odd-hellos.ts`. */
  odd?: (hello: Buffer) => Buffer
  /** Number of TLS records that carry the hello. */
  helloRecords?: number
  /** Where sent bytes are split into TCP segments: offsets from the first byte sent, or every byte of the first 2 kB. */
  splitAt?: Cuts
  /** Pause between two segments. */
  pauseMs?: number
  /** When the obfuscated opening is sent: alone and immediately, or together with the first request. */
  opening?: 'immediately' | 'with-request'
  recordBytes?: number
  /** Keeps the decrypted bytes in `received()` instead of reading messages from them. */
  raw?: boolean
  /** Keeps the connection open after the other side's FIN; an app would close. */
  holdOpen?: boolean
  /** Gets every received byte, still encrypted. */
  tap?: (bytes: Buffer) => void
}

export type Client = Conversation &
  AsyncDisposable & {
    socket: Socket
    /** Mode `tls` only: sizes and group of the server's answer. */
    greeting: Greeting | undefined
    /** The first bytes sent, as on the wire: in mode `tls` the hello, then the opening. A replay sends them again. */
    firstBytes: readonly Buffer[]
    /** Obfuscates and sends bytes behind the opening. */
    sendPlain: (bytes: Buffer) => boolean
    received: () => Buffer
    stopReading: () => void
    startReading: () => void
    /** Sends FIN and keeps reading. */
    end: () => void
    reset: () => void
    /** Resolves when the connection has ended; `error` is set when the client closed it over a wrong answer. */
    closed: Promise<{ reset: boolean; error: string | undefined }>
  }

/** Behaves as a Telegram app does. Resolves when it can send a request; rejects where an app would give up. */
export const connectClient = async (options: ClientOptions): Promise<Client> => {
  const { mode, dc = 2 } = options
  const { secret, transport } = protocolOf(options)
  const socket = openSocket(options)
  const closed = closing(socket)
  const opening = initiate(transport, options.media ? -dc : dc, secret)
  const write = segments(socket, options.splitAt, options.pauseMs)
  const wrap = mode === 'tls' ? wrapper(options.recordBytes ?? appRecordBytes) : (bytes: Buffer) => bytes
  const { firstBytes, sendSealed, sendPlain } = sender(opening, wrap, write)
  const requests = conversation(socket, transport, sendPlain)
  const kept: Buffer[] = []
  const unframed = unframe(transport, (payload) => requests.receive(readMessage(payload)))
  const receiveSealed = (bytes: Buffer): void => {
    const plain = opening.open(bytes)
    if (options.raw) kept.push(plain)
    else unframed(plain)
  }
  const greeted = Promise.withResolvers<Greeting>()
  const hello = mode === 'tls' && secret ? helloOf(options, secret) : null
  const receive = hello && secret ? unwrapper(hello, secret, greeted.resolve, receiveSealed) : receiveSealed
  let failure: string | undefined
  socket.on('data', (bytes: Buffer) => {
    options.tap?.(bytes)
    try {
      receive(bytes)
    } catch (error) {
      failure ??= error instanceof Error ? error.message : String(error)
      socket.destroy()
    }
  })
  const ended = closed.then(({ reset }) => {
    const error = failure ?? (reset ? 'the connection was reset' : 'the connection has ended')
    requests.fail(new Error(error))
    greeted.reject(new Error(error))
    return { reset, error: failure }
  })
  greeted.promise.catch(() => {})
  socket.on('end', () => {
    requests.fail(new Error('the connection was ended by the other side'))
    greeted.reject(new Error('the connection was ended before the answer'))
    if (!options.holdOpen) socket.end()
  })

  await once(socket, 'connect')
  let greeting: Greeting | undefined
  if (hello) {
    firstBytes.push(hello.wire)
    write(hello.wire)
    greeting = await greeted.promise
  }
  if (options.opening !== 'with-request') sendSealed(Buffer.alloc(0))
  return {
    ...requests,
    socket,
    greeting,
    firstBytes,
    sendPlain,
    received: () => Buffer.concat(kept),
    ...controls(socket),
    closed: ended,
    [Symbol.asyncDispose]: async () => {
      socket.destroy()
      await ended
    },
  }
}

/** Sends bytes behind the opening, which goes out with the first of them and is kept in `firstBytes`. */
const sender = (
  opening: ReturnType<typeof initiate>,
  wrap: (bytes: Buffer) => Buffer,
  write: (wire: Buffer) => boolean,
) => {
  let held: Buffer | undefined = opening.bytes
  const firstBytes: Buffer[] = []
  const sendSealed = (bytes: Buffer): boolean => {
    const wire = wrap(held ? Buffer.concat([held, bytes]) : bytes)
    if (held) firstBytes.push(wire)
    held = undefined
    return write(wire)
  }
  return {
    firstBytes,
    sendSealed,
    sendPlain: (bytes: Buffer): boolean => sendSealed(opening.seal(bytes)),
  }
}

const protocolOf = ({ mode, secret, transport }: ClientOptions) => {
  const bytes = typeof secret === 'string' ? Buffer.from(secret, 'hex') : secret
  if (!bytes === (mode !== 'direct')) throw new Error(`mode ${mode} with${bytes ? '' : 'out'} a secret`)
  const padded = mode === 'secure' || mode === 'tls'
  return { secret: bytes, transport: transport ?? (padded ? 'padded-intermediate' : 'intermediate') } as const
}

const openSocket = ({ port, host = '127.0.0.1', path, localAddress }: ClientOptions): Socket => {
  const place = path === undefined ? { port, host, ...(localAddress && { localAddress }) } : { path }
  const socket = connect({ ...place, allowHalfOpen: true })
  return socket.setNoDelay(true)
}

/** A signed hello, and its bytes on the wire. */
const helloOf = (options: ClientOptions, secret: Buffer): Hello & { wire: Buffer } => {
  const { domain = 'mask.test', clockOffsetSeconds = 0, postQuantum = false, odd, helloRecords } = options
  const at = Math.floor(Date.now() / 1000) + clockOffsetSeconds
  const usual = clientHello({ secret, domain, at, postQuantum })
  const hello = odd ? signedAgain(usual, odd(usual.bytes), secret, at) : usual
  return { ...hello, wire: helloRecords ? inRecords(hello.bytes, helloRecords) : hello.bytes }
}

const controls = (socket: Socket) => ({
  stopReading: () => void socket.pause(),
  startReading: () => void socket.resume(),
  end: () => void socket.end(),
  reset: () => void socket.resetAndDestroy(),
})

const closing = (socket: Socket): Promise<{ reset: boolean }> => {
  let code: string | undefined
  socket.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code
  })
  return new Promise((resolve) => {
    socket.on('close', () => resolve({ reset: code === 'ECONNRESET' || code === 'EPIPE' }))
  })
}

/** A random secret as in the settings: 32 hex digits. */
export const newSecret = (): string => randomBytes(16).toString('hex')
