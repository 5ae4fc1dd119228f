import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

const headEnd = Buffer.from('\r\n\r\n')
const nothing = Buffer.alloc(0)

/**
 * A client's socket as node:http gets it: the head of one request, the body that `admit` lets pass, then nothing until
 * `next()`. node:http would parse a whole chunk of 64 KiB of pipelined requests, 19 ms and 4 MB, before anything could
 * stop it.
 */
export class Gate extends Duplex {
  readonly #socket: Socket
  /** The last three bytes of what was passed on: the end of a head may be split. */
  #tail: Buffer = nothing
  #passed = false
  #ended = false
  /** Bytes of the body that may still pass. */
  #allowed = 0
  /** The start of what came behind the head and may not pass; the socket is paused then. */
  #held: Buffer = nothing

  constructor(socket: Socket) {
    super({ allowHalfOpen: true, emitClose: true })
    this.#socket = socket
    socket.on('data', (bytes: Buffer) => this.#take(bytes))
    socket.on('end', () => this.#end())
    socket.on('timeout', () => this.emit('timeout'))
    socket.on('error', () => this.destroy())
    socket.on('close', () => this.destroy())
  }

  /** Something came behind the head and the admitted body: another body or request, or the end. */
  get excess(): boolean {
    return this.#ended || this.#held.length > 0
  }

  /** Lets `length` bytes behind the head pass: the body of this request. */
  admit(length: number): void {
    const held = this.#held
    this.#held = nothing
    this.#allowed = length
    this.#behind(held)
    if (this.#held.length === 0) this.#socket.resume()
  }

  /** Lets the next head pass. */
  next(): void {
    this.#passed = false
    this.#allowed = 0
    this.#tail = nothing
  }

  // What node:http calls on a socket beyond Duplex.
  setTimeout(ms: number): this {
    this.#socket.setTimeout(ms)
    return this
  }

  destroySoon(): void {
    if (this.destroyed) return
    this.end(() => this.#socket.destroySoon())
  }

  #take(bytes: Buffer): void {
    if (this.#passed) return this.#behind(bytes)
    const joined = this.#tail.length === 0 ? bytes : Buffer.concat([this.#tail, bytes])
    const at = joined.indexOf(headEnd)
    const end = at < 0 ? bytes.length : at + headEnd.length - this.#tail.length
    this.#tail = joined.subarray(-headEnd.length + 1)
    this.#passed = at >= 0
    this.#behind(bytes.subarray(end))
    if (!this.push(bytes.subarray(0, end))) this.#socket.pause()
  }

  /** A client that has only stopped to send still gets its answer. */
  #end(): void {
    this.#ended = this.#passed && this.#allowed === 0
    if (!this.#ended) this.push(null)
  }

  /** Takes bytes behind the head: passes on what is admitted, and holds the rest. */
  #behind(bytes: Buffer): void {
    const body = bytes.subarray(0, this.#allowed)
    this.#allowed -= body.length
    if (body.length > 0) this.push(body)
    if (body.length === bytes.length) return
    this.#held = bytes.subarray(body.length)
    this.#socket.pause()
  }

  override _read(): void {
    if (this.#held.length === 0) this.#socket.resume()
  }

  override _write(bytes: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(bytes, done)
  }

  override _writev(
    pieces: readonly { chunk: Buffer; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#socket.cork()
    const last = pieces.length - 1
    for (const [i, { chunk }] of pieces.entries()) this.#socket.write(chunk, i === last ? done : undefined)
    this.#socket.uncork()
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}
