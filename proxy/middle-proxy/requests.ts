import { frameHead, frameTail } from '../wire/rpc-frames.ts'
import { markRequest } from '../wire/rpc-messages.ts'
import type { MessageEvents } from '../wire/transport-messages.ts'
import type { Thread } from './thread.ts'

/** Memory of a message grows with what has come: its announced length is not believed. */
const FIRST_BYTES = 64 << 10

type RequestsOptions = {
  readonly thread: Thread
  /** See `requestHead`. */
  readonly head: Buffer
  /** More bytes wait. */
  readonly waits: () => void
  /** Sends the payload at `buffer[frameHead, end)`, with room for its frame. */
  readonly send: (buffer: Buffer, end: number) => void
}

/** Collects the messages of one client, and makes each a request. A frame of a shared connection has to be complete. */
export class Requests implements MessageEvents {
  readonly #options: RequestsOptions
  /** The message so far, with room for its frame. It is `thread.out` when all of it has come. */
  #message: Buffer | null = null
  #end = 0
  /** Of the whole frame. */
  #most = 0
  #quickAck = false

  constructor(options: RequestsOptions) {
    this.#options = options
  }

  begins(length: number, quickAck: boolean, whole: boolean): void {
    const { thread, head } = this.#options
    this.#quickAck = quickAck
    this.#end = frameHead + head.length
    this.#most = this.#end + length + frameTail
    if (whole && this.#most <= thread.out.length) this.#message = thread.out
    else this.#grow(thread.spare.take(Math.min(this.#most, FIRST_BYTES)))
  }

  bytes(buffer: Buffer, start: number, end: number): void {
    const message = this.#message
    if (message === null) return
    const needed = this.#end + end - start + frameTail
    if (message.length < needed) {
      const { spare } = this.#options.thread
      const grown = spare.take(Math.min(this.#most, Math.max(needed, message.length * 2)))
      message.copy(grown, 0, 0, this.#end)
      this.release()
      this.#grow(grown)
    }
    if (this.#message !== null) this.#end += buffer.copy(this.#message, this.#end, start, end)
  }

  complete(): void {
    const { head, send } = this.#options
    const message = this.#message
    if (message === null) return
    head.copy(message, frameHead)
    markRequest(message, frameHead, frameHead + head.length, this.#quickAck)
    send(message, this.#end)
    this.release()
  }

  #grow(grown: Buffer): void {
    this.#message = grown
    this.#options.thread.waiting += grown.length
    this.#options.waits()
  }

  /** Gives the memory of the message back. */
  release(): void {
    const { thread } = this.#options
    const message = this.#message
    this.#message = null
    if (message === null || message === thread.out) return
    thread.waiting -= message.length
    thread.spare.give(message)
  }
}
