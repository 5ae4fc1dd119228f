import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { clientHello, inRecords } from './client-hello.ts'
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
  const { mode, dc = 2, domain = 'mask.test' } = options
  const secret = typeof options.secret === 'string' ? Buffer.from(options.secret, 'hex') : options.secret
  if (!secret === (mode !== 'direct')) throw new Error(`mode ${mode} with${secret ? '' : 'out'} a secret`)
  const padded = mode === 'secure' || mode === 'tls'
  const transport = options.transport ?? (padded ? 'padded-intermediate' : 'intermediate')
  const { port, host = '127.0.0.1', localAddress } = options
  const socket = connect({ port, host, allowHalfOpen: true, ...(localAddress && { localAddress }) })
  socket.setNoDelay(true)
  const closed = closing(socket)
  const opening = initiate(transport, options.media ? -dc : dc, secret)
  const write = segments(socket, options.splitAt, options.pauseMs)
  const wrap = mode === 'tls' ? wrapper(options.recordBytes ?? appRecordBytes) : (bytes: Buffer) => bytes

  let held: Buffer | undefined = opening.bytes
  const firstBytes: Buffer[] = []
  const sendSealed = (bytes: Buffer): boolean => {
    const wire = wrap(held ? Buffer.concat([held, bytes]) : bytes)
    if (held) firstBytes.push(wire)
    held = undefined
    return write(wire)
  }
  const sendPlain = (bytes: Buffer): boolean => sendSealed(opening.seal(bytes))
  const requests = conversation(socket, transport, sendPlain)
  const kept: Buffer[] = []
  const unframed = unframe(transport, (payload) => requests.receive(readMessage(payload)))
  const receiveSealed = (bytes: Buffer): void => {
    const plain = opening.open(bytes)
    if (options.raw) kept.push(plain)
    else unframed(plain)
  }
  const greeted = Promise.withResolvers<Greeting>()
  let receive = receiveSealed
  let hello: Buffer | undefined
  if (mode === 'tls' && secret) {
    const at = Math.floor(Date.now() / 1000) + (options.clockOffsetSeconds ?? 0)
    const right = clientHello({ secret, domain, at, postQuantum: options.postQuantum ?? false })
    const drawn = options.odd ? signedAgain(right, options.odd(right.bytes), secret, at) : right
    receive = unwrapper(drawn, secret, greeted.resolve, receiveSealed)
    hello = options.helloRecords ? inRecords(drawn.bytes, options.helloRecords) : drawn.bytes
  }
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
    firstBytes.push(hello)
    write(hello)
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
    stopReading: () => socket.pause(),
    startReading: () => socket.resume(),
    end: () => socket.end(),
    reset: () => socket.resetAndDestroy(),
    closed: ended,
    [Symbol.asyncDispose]: async () => {
      socket.destroy()
      await ended
    },
  }
}

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
