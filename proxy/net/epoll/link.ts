import type { Family } from '../../events/contract.ts'
import { pointer } from '../../wire/native.ts'
import {
  type Ends,
  HEAD,
  type Link,
  type LinkError,
  type LinkEvents,
  type Path,
  unattached,
} from '../link.ts'
import { Burst } from './burst.ts'
import * as c from './libc.ts'
import type { LinkLoop } from './link-loop.ts'
import { readPipe } from './pipe.ts'
import { endsOf, pathOf } from './tcp.ts'

export type Loop = LinkLoop<NativeLink>

/** Reads smaller than this are not spliced: `splice` needs three calls instead of two. */
const WORTH_SPLICING = 32768

/** Reads of one link while the others wait, at most. */
const PULLS = 16

/** One connected descriptor: registered, read, written and closed here and nowhere else. */
export class NativeLink implements Link {
  readSize = 65536
  closed = false
  readonly unread = 0
  /** Events that epoll reports; -1: it does not watch this descriptor. */
  interest = -1
  #on: LinkEvents<unknown> = unattached
  #owner: unknown = null
  #queue: Buffer | null = null
  #sent = 0
  #paused = false
  #ending = false
  #reportedEnd = false
  #lastRead = 0
  /** What the last read returned; `#lastRead` keeps the last size of a splice. */
  #gained = 0
  #resting = false
  readonly #burst = new Burst()
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
      this.#keep(buffer, start, end)
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

  pull(): void {
    for (let i = 0; i < PULLS && !this.closed && !this.#paused && !this.#reportedEnd; i++) {
      this.#receive()
      if (this.#lastRead < this.readSize) return
    }
  }

  end(): void {
    if (this.closed || this.#ending) return
    this.#ending = true
    if (this.#queue === null) this.#finish()
  }

  /** Sends FIN. Without it the far end would wait until its time-out: a refusal ends the link. */
  #finish(): void {
    const { libc } = this.#loop
    if (libc.shutdown(this.fd, c.SHUT_WR) !== 0) this.#loop.fail(this, 'shutdown', libc.errno())
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.#queue = null
    this.#on = unattached
    this.#owner = null
    this.#loop.release(this.fd)
  }

  reset(): void {
    if (!this.closed) c.setOption(this.#loop.libc, this.fd, c.SOL_SOCKET, c.SO_LINGER, 1, 0)
    this.close()
  }

  path(): Path | null {
    return this.closed ? null : pathOf(this.#loop.libc, this.fd)
  }

  ends(): Ends | null {
    return this.closed ? null : endsOf(this.#loop.libc, this.fd)
  }

  limitNotSent(bytes: number): void {
    if (!this.closed) c.setOption(this.#loop.libc, this.fd, c.IPPROTO_TCP, c.TCP_NOTSENT_LOWAT, bytes)
  }

  /** Handles events of this descriptor. An exception of the owner's callbacks ends this link and its owner. */
  ready(flags: number): void {
    const on = this.#on
    const owner = this.#owner
    try {
      this.#dispatch(flags)
    } catch (error) {
      this.#fault(on, owner, error)
    }
  }

  #dispatch(flags: number): void {
    // Bytes that came before a reset are read first; the next read returns the error.
    if ((flags & c.EPOLLERR) !== 0 && (this.#paused || this.#reportedEnd)) {
      this.#loop.fail(this, 'SO_ERROR', c.socketError(this.#loop.libc, this.fd))
      return
    }
    if ((flags & (c.EPOLLOUT | c.EPOLLERR)) === c.EPOLLOUT) this.#flush()
    if (this.closed || (flags & (c.EPOLLIN | c.EPOLLHUP | c.EPOLLERR)) === 0) return
    if (!this.#paused && !this.#reportedEnd) this.#receive()
    // Both directions are shut and the link is paused: epoll would report it again and again.
    else if ((flags & c.EPOLLHUP) !== 0) this.#loop.watch(this, -1)
  }

  /** Closes and calls `lost`. The loop calls it once, outside of any other callback. */
  lose(error: LinkError): void {
    const [on, owner] = [this.#on, this.#owner]
    this.close()
    try {
      on.lost(owner, error)
    } catch (failure) {
      this.#fault(on, owner, failure)
    }
  }

  /** Closes and calls `faulted`. */
  fault(error: unknown): void {
    this.#fault(this.#on, this.#owner, error)
  }

  #fault(on: LinkEvents<unknown>, owner: unknown, error: unknown): void {
    this.#loop.report(error)
    this.close()
    on.faulted(owner)
  }

  #receive(): void {
    const { libc, scratch } = this.#loop
    if (this.#lastRead >= WORTH_SPLICING && this.#on.passTo !== undefined && this.#pass()) return
    const size = this.readSize
    const n = libc.recv(this.fd, pointer(scratch, HEAD), size, 0)
    this.#lastRead = n
    this.#gained = n
    if (n <= 0) return this.#nothing(n)
    if (!this.#resting && this.#burst.begins(n, this.#loop.wokeAt)) {
      this.#resting = true
      this.#watch()
      this.#loop.rest(this)
    }
    this.#on.bytes(this.#owner, scratch, HEAD, HEAD + n)
  }

  /** Reads what has come during a rest. */
  rested(): void {
    if (this.closed) return
    this.#gained = 0
    if (!this.#paused && !this.#reportedEnd) this.ready(c.EPOLLIN)
    if (this.closed) return
    if (this.#burst.goesOn(this.#gained, this.readSize, this.#loop.wokeAt)) return this.#loop.rest(this)
    this.#resting = false
    this.#watch()
  }

  /** Handles a read without bytes: the end, nothing yet, or an error. */
  #nothing(n: number): void {
    if (n === 0) {
      this.#reportedEnd = true
      this.#watch()
      this.#on.ended(this.#owner)
      return
    }
    const errno = this.#loop.libc.errno()
    if (errno !== c.EAGAIN && errno !== c.EINTR) this.#loop.fail(this, 'recv', errno)
  }

  /** Moves bytes inside the kernel. False: not possible, the caller reads them. */
  #pass(): boolean {
    const { libc, pipe, scratch } = this.#loop
    const to = this.#on.passTo?.(this.#owner)
    if (pipe === null || !(to instanceof NativeLink) || to.closed || to.#queue !== null || to.#ending)
      return false
    const n = libc.splice(this.fd, pipe.write, Math.min(this.readSize, pipe.size), c.SPLICE_F_MOVE_NONBLOCK)
    this.#gained = n
    if (n <= 0) {
      if (n < 0 && this.#refused()) return false
      this.#nothing(n)
      return true
    }
    this.#lastRead = n
    let left = n
    while (left > 0) {
      const m = libc.splice(pipe.read, to.fd, left, c.SPLICE_F_MOVE_NONBLOCK)
      if (m <= 0) {
        if (m < 0) this.#refused()
        break
      }
      left -= m
    }
    // All connections share the pipe: bytes that the far end did not take are read out before others go in.
    const errno = readPipe(libc, pipe, scratch, left, (end) => to.#keep(scratch, HEAD, end))
    if (errno !== null) {
      this.#loop.renewPipe()
      throw c.systemError('read of the splice pipe', errno)
    }
    this.#on.passed?.(this.#owner, n)
    return true
  }

  /** Whether the kernel refuses `splice` itself, whatever the connection. */
  #refused(): boolean {
    const errno = this.#loop.libc.errno()
    if (errno !== c.EINVAL && errno !== c.ENOSYS && errno !== c.EPERM) return false
    this.#loop.stopSplicing(errno)
    return true
  }

  #send(buffer: Buffer, start: number, end: number): number {
    const { libc } = this.#loop
    const n = libc.send(this.fd, pointer(buffer, start), end - start, c.MSG_NOSIGNAL)
    if (n >= 0) return n
    const errno = libc.errno()
    if (errno === c.EAGAIN || errno === c.EINTR || errno === c.ENOBUFS) return 0
    this.#loop.fail(this, 'send', errno)
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
    if (this.#ending) this.#finish()
    this.#on.drained(this.#owner)
  }

  #watch(): void {
    if (this.closed) return
    const interest =
      (this.#paused || this.#reportedEnd || this.#resting ? 0 : c.EPOLLIN) |
      (this.#queue === null ? 0 : c.EPOLLOUT)
    if (interest !== this.interest) this.#loop.watch(this, interest)
  }
}
