import type { Socket } from 'node:net'
import type { Family } from '../../events/contract.ts'
import { ipv6Bytes } from '../epoll/libc.ts'
import { type Ends, HEAD, type Link, type LinkError, type LinkEvents, unattached } from '../link.ts'
import { linkErrorOf } from '../link-error.ts'

/** A client of a Unix socket has no address. */
const bytesOf = (text = '127.0.0.1'): Buffer => {
  const mapped = text.startsWith('::ffff:') ? text.slice(7) : text
  return mapped.includes(':') ? ipv6Bytes(mapped) : Buffer.from(mapped.split('.').map(Number))
}

/** A link on a socket of node:net. Copies each chunk into the shared buffer `scratch`. */
export class PortableLink implements Link {
  readSize = 65536
  unread = 0
  closed = false
  readonly remote: Buffer
  readonly family: Family
  readonly #socket: Socket
  readonly #scratch: Buffer
  readonly #report: (error: unknown) => void
  #on = unattached
  #owner: unknown = null
  #full = false
  #paused = false
  #endHeld = false
  /** Bytes of a chunk in whose middle the owner paused: a kernel would not have delivered them. */
  #rest: Buffer | null = null

  constructor(socket: Socket, scratch: Buffer, report: (error: unknown) => void) {
    this.#socket = socket
    this.#scratch = scratch
    this.#report = report
    this.remote = bytesOf(socket.remoteAddress)
    this.family = this.remote.length === 4 ? 'ipv4' : 'ipv6'
    socket.on('data', (chunk: Buffer) =>
      this.#deliver(this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk])),
    )
    // A paused socket emits its end, too, when no byte is before it: the owner may not expect it yet.
    socket.on('end', () => this.#reportEnd())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const how = linkErrorOf(error.code ?? '')
      if (how !== null) return this.#lose(how)
      this.#guarded(() => {
        throw error
      })
    })
    // When both sides have ended and everything is delivered, nothing was lost: the owner has both ends.
    socket.on('close', () => {
      if (!socket.readableEnded || !socket.writableFinished) this.#lose('other')
    })
  }

  get unsent(): number {
    return this.#socket.writableLength
  }

  attach<Owner>(events: LinkEvents<Owner>, owner: Owner): void {
    this.#on = events as LinkEvents<unknown>
    this.#owner = owner
  }

  write(buffer: Buffer, start: number, end: number): boolean {
    const socket = this.#socket
    if (this.closed || socket.writableEnded || end <= start) return socket.writableLength === 0
    const copy = Buffer.allocUnsafe(end - start)
    buffer.copy(copy, 0, start, end)
    socket.write(copy, () => this.#flushed())
    this.#full = socket.writableLength > 0
    return !this.#full
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#paused = false
    if (this.#rest !== null || this.#endHeld) setImmediate(() => this.#continue())
    else this.#socket.resume()
  }

  path(): null {
    return null
  }

  ends(): Ends | null {
    const { remotePort, localAddress, localPort } = this.#socket
    return this.closed || remotePort === undefined || localPort === undefined
      ? null
      : { remotePort, local: bytesOf(localAddress), localPort }
  }

  limitNotSent(): void {}

  pull(): void {
    if (this.#rest !== null && !this.closed && !this.#paused) this.#deliver(this.#rest)
  }

  end(): void {
    if (!this.closed) this.#socket.end()
  }

  close(): void {
    this.closed = true
    this.#on = unattached
    this.#owner = null
    this.#socket.destroy()
  }

  reset(): void {
    const socket = this.#socket
    // Node 26.10 leaks the descriptor of a reset whose FIN is still unsent.
    if (!this.closed && (!socket.writableEnded || socket.writableFinished)) socket.resetAndDestroy()
    this.close()
  }

  #guarded(work: () => void): void {
    const [on, owner] = [this.#on, this.#owner]
    try {
      work()
    } catch (error) {
      this.#report(error)
      this.close()
      on.faulted(owner)
    }
  }

  #lose(error: LinkError): void {
    if (this.closed) return
    const [on, owner] = [this.#on, this.#owner]
    this.#guarded(() => {
      this.close()
      on.lost(owner, error)
    })
  }

  #reportEnd(): void {
    this.#endHeld = this.#paused || this.#rest !== null
    if (!this.closed && !this.#endHeld) this.#guarded(() => this.#on.ended(this.#owner))
  }

  #deliver(chunk: Buffer): void {
    let from = 0
    while (from < chunk.length && !this.closed && !this.#paused) {
      const n = chunk.copy(this.#scratch, HEAD, from, Math.min(chunk.length, from + this.readSize))
      from += n
      this.unread = chunk.length - from
      this.#guarded(() => this.#on.bytes(this.#owner, this.#scratch, HEAD, HEAD + n))
    }
    this.#rest = from < chunk.length && !this.closed ? chunk.subarray(from) : null
  }

  /** Continues after a pause, outside of any callback: first with what was read before it. */
  #continue(): void {
    if (this.closed || this.#paused) return
    if (this.#rest !== null) this.#deliver(this.#rest)
    if (this.closed || this.#paused) return
    this.#socket.resume()
    if (this.#endHeld) this.#reportEnd()
  }

  #flushed(): void {
    if (!this.#full || this.closed || this.#socket.writableLength > 0) return
    this.#full = false
    this.#guarded(() => this.#on.drained(this.#owner))
  }
}
