import type { Transport } from '../events/contract.ts'
import { HEAD, type Link, type LinkError, type LinkEvents, unattached } from '../net/link.ts'
import type { RpcEnd } from '../wire/rpc-keys.ts'
import { requestHead } from '../wire/rpc-messages.ts'
import { type MessageFraming, MessageReader, messageFraming } from '../wire/transport-messages.ts'
import { Requests } from './requests.ts'
import { MOST_OF_CLIENT, MOST_OF_THREAD, PIECE, type Thread } from './thread.ts'

/** A client of a middle proxy. */
export type StreamClient = {
  readonly transport: Transport
  /** The client, and where it reached this proxy. */
  readonly remote: RpcEnd
  readonly ours: RpcEnd
  /** The advertising tag; null: none. */
  readonly tag: Buffer | null
  /** The client sent what no client sends, or a bound is reached. The stream is closed. */
  readonly refused: (reason: 'not-mtproto' | 'limit') => void
}

/** What a stream needs of its connection. */
export type StreamConnection = {
  readonly thread: Thread
  /** The link to the middle proxy. */
  readonly link: Link
  /** Completes the frame whose payload is at `buffer[start + frameHead, end)`, and sends it. */
  send(buffer: Buffer, start: number, end: number): void
  /** Whether so much is unsent that clients have to wait. Then `drained` of the stream follows. */
  blocks(stream: Stream): boolean
  /** The stream waits for answers that are under way. */
  lingers(stream: Stream): void
  /** The client has gone. */
  left(stream: Stream): void
}

/** After the client's end: how long an answer may take, ms. */
export const LINGER_MS = 2_000
/** While so much waits for a client it is not read: it asks for no more. */
const HOLDS = MOST_OF_CLIENT / 2

/**
 * One client within a connection to a middle proxy, as a link: takes the bytes of the client's transport without their
 * obfuscation, and delivers such bytes. So the relay treats it as it treats a datacenter.
 */
export class Stream implements Link {
  /** Answers are delivered in pieces of this size at most. */
  readSize = PIECE
  readonly unread = 0
  closed = false
  readonly id: number
  readonly family: Link['family']
  readonly remote: Buffer
  /** The client ended at this time, and an answer may still come; 0: neither. */
  endedAt = 0

  readonly #connection: StreamConnection
  readonly #client: StreamClient
  readonly #reader: MessageReader
  readonly #framing: MessageFraming
  readonly #requests: Requests
  #on: LinkEvents<unknown> = unattached
  #owner: unknown = null

  /** Whether a message was sent, and whether one waits for an answer. */
  #sent = false
  #asked = false

  /** Of the answer that arrives: its length, bytes that are missing. */
  #answer = 0
  #left = 0
  #paused = false
  /** Framed answers that the client has not taken. */
  #queue: Buffer[] = []
  #queued = 0
  /** The client is not read: it has enough answers to take, or the connection has enough to send. */
  #holds = false
  #blocked = false
  #farEnded = false
  #reportedEnd = false

  constructor(connection: StreamConnection, id: number, client: StreamClient) {
    this.#connection = connection
    this.#client = client
    this.id = id
    this.family = connection.link.family
    this.remote = connection.link.remote
    this.#requests = new Requests({
      thread: connection.thread,
      head: requestHead({ ...client, id }),
      waits: () => this.#limit(),
      send: (buffer, end) => {
        this.#sent = true
        this.#asked = true
        connection.send(buffer, 0, end)
      },
    })
    this.#reader = new MessageReader(client.transport, this.#requests)
    this.#framing = messageFraming(client.transport, connection.thread.random)
  }

  attach<Owner>(events: LinkEvents<Owner>, owner: Owner): void {
    this.#on = events as LinkEvents<unknown>
    this.#owner = owner
  }

  write(buffer: Buffer, start: number, end: number): boolean {
    if (this.closed || this.#farEnded || this.endedAt > 0) return true
    if (!this.#reader.read(buffer, start, end)) this.#refuse('not-mtproto')
    if (this.closed) return true
    this.#holds = this.#queued > HOLDS
    this.#blocked = this.#connection.blocks(this)
    return this.unsent === 0
  }

  /** Not a count: the client has to wait, or not. */
  get unsent(): number {
    return !this.closed && (this.#holds || this.#blocked) ? 1 : 0
  }

  /** An answer of `length` bytes begins. */
  answerBegins(length: number): void {
    this.#answer = length
    this.#left = length
  }

  answerBytes(buffer: Buffer, start: number, end: number): void {
    const { out } = this.#connection.thread
    const piece = Math.min(PIECE, this.readSize)
    for (let at = start; at < end && !this.closed; ) {
      let to = HEAD
      if (this.#left === this.#answer) to = this.#framing.head(out, to, this.#answer)
      const size = Math.min(piece, end - at)
      to += buffer.copy(out, to, at, at + size)
      at += size
      this.#left -= size
      if (this.#left === 0) {
        this.#asked = false
        to = this.#framing.tail(out, to)
      }
      this.#deliver(out, HEAD, to)
    }
  }

  /** A quick acknowledgement of the client's message. */
  acknowledged(token: number): void {
    const { out } = this.#connection.thread
    this.#deliver(out, HEAD, this.#framing.acknowledgement(out, HEAD, token))
  }

  #deliver(buffer: Buffer, start: number, end: number): void {
    if (!this.#paused && this.#queued === 0) return this.#call(buffer, start, end)
    this.#queue.push(Buffer.from(buffer.subarray(start, end)))
    this.#queued += end - start
    this.#connection.thread.waiting += end - start
    this.#limit()
  }

  /** Calls the owner. Its exception ends this stream and no other one. */
  #call(buffer: Buffer, start: number, end: number): void {
    const [on, owner] = [this.#on, this.#owner]
    try {
      on.bytes(owner, buffer, start, end)
    } catch (error) {
      this.#connection.thread.report(error)
      this.close()
      on.faulted(owner)
    }
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    const { thread } = this.#connection
    while (!this.#paused && !this.closed && this.#queue.length > 0) {
      const next = this.#queue.shift()!
      this.#queued -= next.length
      thread.waiting -= next.length
      next.copy(thread.out, HEAD)
      this.#call(thread.out, HEAD, HEAD + next.length)
    }
    if (this.#holds && this.#queued <= HOLDS && !this.closed) {
      this.#holds = false
      if (!this.#blocked) this.#on.drained(this.#owner)
    }
    this.#reportEnd()
  }

  /** More bytes wait here. */
  #limit(): void {
    if (this.#queued > MOST_OF_CLIENT || this.#connection.thread.waiting > MOST_OF_THREAD)
      this.#refuse('limit')
  }

  #refuse(reason: 'not-mtproto' | 'limit'): void {
    if (this.closed) return
    this.close()
    this.#client.refused(reason)
  }

  /** The connection has sent enough. */
  drained(): void {
    this.#blocked = false
    if (!this.closed && !this.#holds) this.#on.drained(this.#owner)
  }

  /** There is no half-close: an answer that is under way gets a moment, then the middle proxy learns of the end. */
  end(): void {
    if (this.closed || this.endedAt > 0 || this.#farEnded) return
    if (!this.#asked) return this.farEnds()
    this.endedAt = this.#connection.thread.now
    this.#connection.lingers(this)
  }

  /** Telegram has closed the client's connection, or it will send no more. */
  farEnds(): void {
    this.#farEnded = true
    this.#reportEnd()
  }

  #reportEnd(): void {
    if (!this.#farEnded || this.#reportedEnd || this.closed || this.#queue.length > 0) return
    this.#reportedEnd = true
    this.#on.ended(this.#owner)
  }

  /** The connection to the middle proxy is gone. */
  lose(error: LinkError): void {
    if (this.closed) return
    const [on, owner] = [this.#on, this.#owner]
    this.close()
    on.lost(owner, error)
  }

  /** An exception of our own code in the connection. */
  fault(): void {
    if (this.closed) return
    const [on, owner] = [this.#on, this.#owner]
    this.close()
    on.faulted(owner)
  }

  /** Ends the wait for the last answer when it has come, or does not come. Whether the wait is over. */
  lingered(now: number): boolean {
    if (this.closed) return true
    if (this.#asked && now - this.endedAt < LINGER_MS) return false
    this.farEnds()
    return true
  }

  /** Whether the middle proxy knows this client. */
  get isKnown(): boolean {
    return this.#sent
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.#requests.release()
    this.#connection.thread.waiting -= this.#queued
    this.#queue = []
    this.#queued = 0
    this.#on = unattached
    this.#owner = null
    this.#connection.left(this)
  }

  reset(): void {
    this.close()
  }

  pull(): void {}

  path(): null {
    return null
  }

  ends(): null {
    return null
  }

  limitNotSent(): void {}
}
