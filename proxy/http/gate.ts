import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

const headEnd = Buffer.from('\r\n\r\n')
const nothing = Buffer.alloc(0)

/**
 * A client's socket as node:http gets it: the head of one request, then nothing until `next()`. node:http would parse a
 * whole chunk of 64 KiB of pipelined requests, 19 ms and 4 MB, before anything could stop it.
 */
export class Gate extends Duplex {
  readonly #socket: Socket
  /** The last three bytes of what was passed on: the end of a head may be split. */
  #tail: Buffer = nothing
  #passed = false
  #excess = false

  constructor(socket: Socket) {
    super({ allowHalfOpen: true, emitClose: true })
    this.#socket = socket
    socket.on('data', (bytes: Buffer) => this.#take(bytes))
    socket.on('end', () => this.#end())
    socket.on('timeout', () => this.emit('timeout'))
    socket.on('error', () => this.destroy())
    socket.on('close', () => this.destroy())
  }

  /** Something came behind the head: a body, another request, or the end. None of it is passed on. */
  get excess(): boolean {
    return this.#excess
  }

  /** Lets the next head pass. */
  next(): void {
    this.#passed = false
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
    if (this.#passed) return this.#stop()
    const joined = this.#tail.length === 0 ? bytes : Buffer.concat([this.#tail, bytes])
    const at = joined.indexOf(headEnd)
    const end = at < 0 ? bytes.length : at + headEnd.length - this.#tail.length
    this.#tail = joined.subarray(-headEnd.length + 1)
    this.#passed = at >= 0
    if (end < bytes.length) this.#stop()
    if (!this.push(bytes.subarray(0, end))) this.#socket.pause()
  }

  /** A client that has only stopped to send still gets its answer. */
  #end(): void {
    if (this.#passed) this.#excess = true
    else this.push(null)
  }

  #stop(): void {
    this.#excess = true
    this.#socket.pause()
  }

  override _read(): void {
    if (!this.#excess) this.#socket.resume()
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
