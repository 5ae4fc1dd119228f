import type { Address } from '../datacenter/directory.ts'
import type { DialError } from '../events/contract.ts'
import type { Link, LinkError, LinkEvents } from '../net/link.ts'
import { blockLength, makeBlockCipher } from '../wire/cbc.ts'
import type { Cipher } from '../wire/cipher.ts'
import { FrameReader, frameHead, frameWriter, isPadding, readPlainFrame } from '../wire/rpc-frames.ts'
import { rpcKey } from '../wire/rpc-keys.ts'
import {
  clientGone,
  handshakeOf,
  isHandshake,
  nonceLength,
  nonceOf,
  pingOf,
  pongOf,
  readMessage,
  readNonce,
} from '../wire/rpc-messages.ts'
import { addressBytes, type OurAddress, seenAddress } from './directory.ts'
import { Outbox } from './outbox.ts'
import { Stream, type StreamClient, type StreamConnection } from './stream.ts'
import type { Thread } from './thread.ts'

/** A middle proxy that has sent nothing for so long is asked for a sign of life, and is dead when it sends none; ms. */
const SILENT_MS = 5_000
const DEAD_MS = 5_000
/** Clients wait while more than this is unsent, and the connection is dead when the limit is reached. */
const BLOCKS = 256 << 10
const MOST_UNSENT = 32 << 20
/** A longer first answer is not a nonce frame. */
const FIRST_ANSWER = 4_096
/** The size of one read: answers of many clients. */
const READ = 256 << 10

export type ConnectionOptions = {
  readonly thread: Thread
  readonly link: Link
  readonly address: Address
  readonly secret: Buffer
  /** This host as Telegram sees it. */
  readonly ours: OurAddress
  readonly ready: (connection: MiddleConnection) => void
  /** It ended before it was ready, or after. Its clients have been closed. */
  readonly lost: (connection: MiddleConnection, error: DialError) => void
}

type Phase = 'nonce' | 'handshake' | 'ready' | 'over'

/** One connection to a middle proxy, which many clients share. */
export class MiddleConnection implements StreamConnection {
  readonly thread: Thread
  readonly link: Link
  readonly address: Address
  readonly openedAt: number
  /** The last time at which it had a client. */
  usedAt: number
  readonly #options: ConnectionOptions
  readonly #streams = new Map<number, Stream>()
  readonly #blocked = new Set<Stream>()
  readonly #lingering = new Set<Stream>()
  readonly #writer = frameWriter()
  readonly #outbox: Outbox
  readonly #reader: FrameReader
  readonly #nonce = Buffer.alloc(nonceLength)
  readonly #time: number
  readonly #small = Buffer.from(new ArrayBuffer(128))
  #phase: Phase = 'nonce'
  #received: Buffer | null = null
  #encrypt: Cipher | null = null
  #decrypt: Cipher | null = null
  /** A part of a block that has come, before more of it comes. */
  readonly #carry = Buffer.alloc(blockLength)
  #carried = 0
  /** Padding of the nonce frame may follow it, in the clear. */
  #mayPad = false
  #current: Stream | null = null
  #receivedAt: number
  #pingedAt = 0
  #pings = 0

  constructor(options: ConnectionOptions) {
    const { thread, link, address, secret } = options
    this.#options = options
    this.thread = thread
    this.link = link
    this.address = address
    this.#outbox = new Outbox(link, thread.spare)
    this.openedAt = thread.now
    this.usedAt = thread.now
    this.#receivedAt = thread.now
    this.#time = thread.epochSeconds()
    this.#reader = new FrameReader({
      begins: (id, length) => {
        this.#current = this.#streams.get(id) ?? null
        this.#current?.answerBegins(length)
      },
      bytes: (buffer, start, end) => this.#current?.answerBytes(buffer, start, end),
      complete: () => {
        this.#current = null
      },
      message: (payload) => this.#message(payload),
    })
    thread.random(this.#nonce, 0, nonceLength)
    link.readSize = READ
    link.attach(handlers, this)
    this.#sendSmall(nonceOf(secret, this.#time, this.#nonce))
  }

  get isReady(): boolean {
    return this.#phase === 'ready'
  }

  get clients(): number {
    return this.#streams.size
  }

  /** A link for one client. */
  open(client: StreamClient): Stream {
    const id = Buffer.alloc(8)
    this.thread.random(id, 0, 7)
    // Below 2^52: see `readId`.
    const number = (id.readUInt32LE(4) % 2 ** 20) * 2 ** 32 + id.readUInt32LE(0)
    if (this.#streams.has(number)) return this.open(client)
    const stream = new Stream(this, number, client)
    this.#streams.set(number, stream)
    return stream
  }

  send(buffer: Buffer, start: number, end: number): void {
    const to = this.#writer.complete(buffer, start, end)
    this.#encrypt?.apply(buffer, start, to)
    this.#outbox.write(buffer, start, to)
    if (this.#outbox.unsent > MOST_UNSENT) this.lose('timeout')
  }

  #sendSmall(payload: Buffer): void {
    payload.copy(this.#small, frameHead)
    this.send(this.#small, 0, frameHead + payload.length)
  }

  blocks(stream: Stream): boolean {
    if (this.#outbox.unsent <= BLOCKS) return false
    this.#blocked.add(stream)
    return true
  }

  lingers(stream: Stream): void {
    this.#lingering.add(stream)
  }

  left(stream: Stream): void {
    if (this.#current === stream) this.#current = null
    this.#blocked.delete(stream)
    this.#lingering.delete(stream)
    if (!this.#streams.delete(stream.id)) return
    this.usedAt = this.thread.now
    if (this.#phase === 'ready' && stream.isKnown) this.#sendSmall(clientGone(stream.id))
  }

  received(buffer: Buffer, start: number, end: number): void {
    this.#receivedAt = this.thread.now
    this.#pingedAt = 0
    if (this.#phase === 'nonce') return this.#readNonce(buffer, start, end)
    this.#decryptAndRead(buffer, start, end)
  }

  #readNonce(buffer: Buffer, start: number, end: number): void {
    const { secret } = this.#options
    const received = Buffer.concat([this.#received ?? Buffer.alloc(0), buffer.subarray(start, end)])
    const frame = readPlainFrame(received)
    if (frame === 'more') {
      this.#received = received
      return received.length > FIRST_ANSWER ? this.#end('protocol') : undefined
    }
    const answer = typeof frame === 'string' ? null : readNonce(frame.payload, secret)
    if (typeof frame === 'string' || answer === null || !answer.ok) return this.#end('protocol')
    this.#received = null
    if (!this.#exchangeKeys(answer.nonce)) return this.#end('other')
    this.#phase = 'handshake'
    this.#mayPad = frame.used % blockLength !== 0
    this.#sendSmall(handshakeOf())
    if (frame.used < received.length) this.#decryptAndRead(received, frame.used, received.length)
  }

  /** False: the kernel does not know the addresses of the link any more. */
  #exchangeKeys(serverNonce: Buffer): boolean {
    const { secret, ours, address } = this.#options
    const ends = this.link.ends()
    if (ends === null) return false
    const seed = {
      secret,
      clientNonce: this.#nonce,
      serverNonce,
      clientTime: this.#time,
      client: { address: seenAddress(ends.local, ours), port: ends.localPort },
      server: { address: addressBytes(address.host), port: address.port },
    }
    const [up, down] = [rpcKey(seed, 'CLIENT'), rpcKey(seed, 'SERVER')]
    this.#encrypt = makeBlockCipher('encrypt', up.key, up.iv)
    this.#decrypt = makeBlockCipher('decrypt', down.key, down.iv)
    return true
  }

  /** The bytes before `start` are free: a part of a block is put there. */
  #decryptAndRead(buffer: Buffer, start: number, end: number): void {
    let from = start - this.#carried
    this.#carry.copy(buffer, from, 0, this.#carried)
    if (this.#mayPad && end - from >= 4) {
      this.#mayPad = false
      if (isPadding(buffer, from)) from += 4
    }
    const to = end - ((end - from) % blockLength)
    this.#carried = buffer.copy(this.#carry, 0, to, end)
    this.#decrypt?.apply(buffer, from, to)
    if (this.#reader.read(buffer, from, to) !== null) this.#end('protocol')
  }

  #message(payload: Buffer): void {
    if (this.#phase === 'handshake') {
      if (!isHandshake(payload)) return this.#end('protocol')
      this.#phase = 'ready'
      return this.#options.ready(this)
    }
    const message = readMessage(payload)
    switch (message.type) {
      case 'closed':
        return this.#streams.get(message.id)?.farEnds()
      case 'acknowledgement':
        return this.#streams.get(message.id)?.acknowledged(message.token)
      case 'ping':
        return this.#sendSmall(pongOf(message.payload))
      case 'pong':
      case 'unknown':
        return
    }
  }

  drained(): void {
    this.#outbox.drained()
    if (this.#outbox.unsent > BLOCKS) return
    const waiting = [...this.#blocked]
    this.#blocked.clear()
    for (const stream of waiting) stream.drained()
  }

  /** Time-outs, pings, and clients that have ended. */
  pulse(now: number, handshakeMs: number): void {
    for (const stream of this.#lingering) if (stream.lingered(now)) this.#lingering.delete(stream)
    if (this.#phase !== 'ready') {
      if (this.#phase !== 'over' && now - this.openedAt >= handshakeMs) this.#end('timeout')
      return
    }
    if (this.#pingedAt > 0) {
      if (now - this.#pingedAt >= DEAD_MS) this.lose('timeout')
    } else if (now - this.#receivedAt >= SILENT_MS) {
      this.#pingedAt = now
      this.#sendSmall(pingOf(++this.#pings))
    }
  }

  /** Closes every client, and the link. */
  lose(error: LinkError): void {
    this.#end(error, error)
  }

  /** Our own code failed. */
  fault(): void {
    this.close()
    for (const stream of [...this.#streams.values()]) stream.fault()
    this.#options.lost(this, 'other')
  }

  #end(error: DialError, lost: LinkError = 'reset'): void {
    if (this.#phase === 'over') return
    this.close()
    for (const stream of [...this.#streams.values()]) stream.lose(lost)
    this.#options.lost(this, error)
  }

  /** Closes without a report. */
  close(): void {
    this.#phase = 'over'
    this.link.close()
    this.#encrypt?.free()
    this.#decrypt?.free()
    this.#outbox.clear()
    this.#blocked.clear()
    this.#lingering.clear()
  }
}

const handlers: LinkEvents<MiddleConnection> = {
  bytes: (connection, buffer, start, end) => connection.received(buffer, start, end),
  drained: (connection) => connection.drained(),
  // Its clients lose what is under way.
  ended: (connection) => connection.lose('reset'),
  lost: (connection, error) => connection.lose(error),
  faulted: (connection) => connection.fault(),
}
