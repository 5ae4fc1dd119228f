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

/** `direct` speaks to a datacenter, as an app without a proxy. */
export type Mode = 'direct' | 'classic' | 'secure' | 'tls'

export type ClientOptions = {
  port: number
  host?: string
  /** Where it comes from. */
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
  /** Cuts the hello into so many TLS records. */
  helloRecords?: number
  /** Where the bytes sent are cut into segments of their own: offsets in all that is sent, or each of the first 2 kB. */
  splitAt?: Cuts
  /** Between those segments. */
  pauseMs?: number
  /** The obfuscated opening goes out by itself at once, or waits for the first request. */
  opening?: 'at-once' | 'with-request'
  recordBytes?: number
  /** Keeps the decrypted bytes in `received()` instead of reading messages from them. */
  raw?: boolean
  /** Goes on sending after the other side's FIN; an app would close. */
  holdOpen?: boolean
  /** Sees every byte as it comes off the wire. */
  tap?: (bytes: Buffer) => void
}

export type Client = Conversation &
  AsyncDisposable & {
    socket: Socket
    /** tls only: what the server's answer was like. */
    greeting: Greeting | undefined
    /** What was sent first: a tls hello, then the opening as it went over the wire. A replayer sends them again. */
    firstBytes: readonly Buffer[]
    /** Plain bytes after the opening, to be obfuscated and sent. */
    sendPlain: (bytes: Buffer) => boolean
    received: () => Buffer
    stopReading: () => void
    startReading: () => void
    /** FIN: nothing more from here, still reading. */
    end: () => void
    reset: () => void
    /** When it ended; with the reason if the client itself gave up. */
    closed: Promise<{ reset: boolean; error: string | undefined }>
  }

/** A Telegram app as a proxy sees it. Resolves when it could send a request; rejects as an app would give up. */
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
  const talk = conversation(socket, transport, sendPlain)
  const kept: Buffer[] = []
  const unframed = unframe(transport, (payload) => talk.receive(readMessage(payload)))
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
    talk.fail(new Error(error))
    greeted.reject(new Error(error))
    return { reset, error: failure }
  })
  greeted.promise.catch(() => {})
  socket.on('end', () => {
    talk.fail(new Error('the connection was ended by the other side'))
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
    ...talk,
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

/** A secret as the settings take it: 32 hex digits. */
export const newSecret = (): string => randomBytes(16).toString('hex')
