import type { Family } from '../../events/contract.ts'
import { pointer } from '../../wire/native.ts'
import { HEAD, type Link, type LinkError, type LinkEvents } from '../link.ts'
import * as c from './libc.ts'

/** What a link needs of the loop it lives in. */
export type Loop = {
  readonly libc: c.Libc
  readonly scratch: Buffer
  readonly pipe: Pipe | null
  /** Changes what epoll tells about a descriptor. */
  watch(link: NativeLink, interest: number): void
  /** Closes the descriptor when the running batch of events is through, so that its number is not met again in it. */
  release(link: NativeLink): void
  /** Tells `lost` when the running callback has returned. */
  fail(link: NativeLink, error: LinkError): void
}

/** One pipe for all of a thread: empty between calls. */
export type Pipe = { readonly read: number; readonly write: number; readonly size: number }

const nobody: LinkEvents<null> = { bytes: () => {}, drained: () => {}, ended: () => {}, lost: () => {} }

const errorOf = (errno: number): LinkError =>
  errno === c.ECONNRESET || errno === c.EPIPE || errno === c.ECONNABORTED
    ? 'reset'
    : errno === c.ETIMEDOUT || errno === c.EHOSTUNREACH || errno === c.ENETUNREACH
      ? 'timeout'
      : 'other'

/** Below this a read is not worth the three calls that `splice` takes instead of two. */
const WORTH_SPLICING = 32768

/** Guards one descriptor: it is registered, read, written and closed here and nowhere else. */
export class NativeLink implements Link {
  readSize = 65536
  closed = false
  /** What epoll was last told; -1: it does not know this descriptor. */
  interest = -1
  #on: LinkEvents<unknown> = nobody as LinkEvents<unknown>
  #owner: unknown = null
  #queue: Buffer | null = null
  #sent = 0
  #paused = false
  #ending = false
  #heardEnd = false
  #lastRead = 0

  readonly #loop: Loop
  readonly fd: number
  readonly family: Family
  readonly remote: Buffer

  constructor(loop: Loop, fd: number, family: Family, remote: Buffer) {
    this.#loop = loop
    this.fd = fd
    this.family = family
    this.remote = remote
  }

  get unsent(): number {
    return this.#queue === null ? 0 : this.#queue.length - this.#sent
  }

  attach<Owner>(events: LinkEvents<Owner>, owner: Owner): void {
    this.#on = events as LinkEvents<unknown>
    this.#owner = owner
  }

  write(buffer: Buffer, start: number, end: number): boolean {
    if (this.closed || this.#ending || end <= start) return this.#queue === null
    if (this.#queue !== null) {
      this.#queue = Buffer.concat([this.#queue.subarray(this.#sent), buffer.subarray(start, end)])
      this.#sent = 0
      return false
    }
    const sent = this.#send(buffer, start, end)
    if (sent < 0 || start + sent === end) return true
    this.#keep(buffer, start + sent, end)
    return false
  }

  pause(): void {
    this.#paused = true
    this.#watch()
  }

  resume(): void {
    this.#paused = false
    this.#watch()
  }

  end(): void {
    if (this.closed || this.#ending) return
    this.#ending = true
    if (this.#queue === null) this.#loop.libc.shutdown(this.fd, c.SHUT_WR)
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.#queue = null
    this.#on = nobody as LinkEvents<unknown>
    this.#owner = null
    this.#loop.release(this)
  }

  reset(): void {
    if (!this.closed) c.setOption(this.#loop.libc, this.fd, c.SOL_SOCKET, c.SO_LINGER, 1, 0)
    this.close()
  }

  /** What epoll said of this descriptor. */
  ready(flags: number): void {
    // What came before a reset is still there to be read; the read behind it brings the error.
    if ((flags & c.EPOLLERR) !== 0 && (this.#paused || this.#heardEnd)) {
      this.#loop.fail(this, errorOf(c.socketError(this.#loop.libc, this.fd)))
      return
    }
    if ((flags & (c.EPOLLOUT | c.EPOLLERR)) === c.EPOLLOUT) this.#flush()
    if (this.closed || (flags & (c.EPOLLIN | c.EPOLLHUP | c.EPOLLERR)) === 0) return
    if (!this.#paused && !this.#heardEnd) this.#receive()
    // Both directions are shut and nobody reads now: epoll would say so again and again.
    else if ((flags & c.EPOLLHUP) !== 0) this.#loop.watch(this, -1)
  }

  /** Tells the owner; the loop calls it once, outside of any other callback. */
  lose(error: LinkError): void {
    const [on, owner] = [this.#on, this.#owner]
    this.close()
    on.lost(owner, error)
  }

  #receive(): void {
    const { libc, scratch } = this.#loop
    if (this.#lastRead >= WORTH_SPLICING && this.#on.passTo !== undefined && this.#pass()) return
    const size = this.readSize
    const n = libc.recv(this.fd, pointer(scratch, HEAD), size, 0)
    this.#lastRead = n
    if (n > 0) this.#on.bytes(this.#owner, scratch, HEAD, HEAD + n)
    else this.#nothing(n)
  }

  /** No bytes: the end, nothing yet, or an error. */
  #nothing(n: number): void {
    if (n === 0) {
      this.#heardEnd = true
      this.#watch()
      this.#on.ended(this.#owner)
      return
    }
    const errno = this.#loop.libc.errno()
    if (errno !== c.EAGAIN && errno !== c.EINTR) this.#loop.fail(this, errorOf(errno))
  }

  /** Moves bytes inside the kernel. False: it was not possible, read them. */
  #pass(): boolean {
    const { libc, pipe, scratch } = this.#loop
    const to = this.#on.passTo?.(this.#owner)
    if (pipe === null || !(to instanceof NativeLink) || to.closed || to.#queue !== null || to.#ending)
      return false
    const n = libc.splice(
      this.fd,
      0n,
      pipe.write,
      0n,
      Math.min(this.readSize, pipe.size),
      c.SPLICE_F_MOVE_NONBLOCK,
    )
    if (n <= 0) {
      this.#nothing(n)
      return true
    }
    this.#lastRead = n
    let left = n
    while (left > 0) {
      const m = libc.splice(pipe.read, 0n, to.fd, 0n, left, c.SPLICE_F_MOVE_NONBLOCK)
      if (m <= 0) break
      left -= m
    }
    // The pipe is everybody's: what the far end did not take comes out of it before anyone else's bytes go in.
    while (left > 0) {
      const m = libc.read(pipe.read, pointer(scratch, HEAD), Math.min(left, scratch.length - HEAD))
      if (m <= 0) break
      to.#keep(scratch, HEAD, HEAD + m)
      left -= m
    }
    this.#on.passed?.(this.#owner, n)
    return true
  }

  #send(buffer: Buffer, start: number, end: number): number {
    const { libc } = this.#loop
    const n = libc.send(this.fd, pointer(buffer, start), end - start, c.MSG_NOSIGNAL)
    if (n >= 0) return n
    const errno = libc.errno()
    if (errno === c.EAGAIN || errno === c.EINTR || errno === c.ENOBUFS) return 0
    this.#loop.fail(this, errorOf(errno))
    return -1
  }

  #keep(buffer: Buffer, start: number, end: number): void {
    const rest = Buffer.allocUnsafeSlow(
      (this.#queue === null ? 0 : this.#queue.length - this.#sent) + end - start,
    )
    const kept = this.#queue === null ? 0 : this.#queue.copy(rest, 0, this.#sent)
    buffer.copy(rest, kept, start, end)
    this.#queue = rest
    this.#sent = 0
    this.#watch()
  }

  #flush(): void {
    if (this.#queue === null) return
    const sent = this.#send(this.#queue, this.#sent, this.#queue.length)
    if (sent < 0) return
    this.#sent += sent
    if (this.#sent < this.#queue.length) return
    this.#queue = null
    this.#sent = 0
    this.#watch()
    if (this.#ending) this.#loop.libc.shutdown(this.fd, c.SHUT_WR)
    this.#on.drained(this.#owner)
  }

  #watch(): void {
    if (this.closed) return
    const interest =
      (this.#paused || this.#heardEnd ? 0 : c.EPOLLIN) | (this.#queue === null ? 0 : c.EPOLLOUT)
    if (interest !== this.interest) this.#loop.watch(this, interest)
  }
}
