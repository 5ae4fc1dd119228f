import type { Family } from '../../events/contract.ts'
import { pointer } from '../../wire/native.ts'
import { HEAD, type Link, type LinkError, type LinkEvents, type Path, unattached } from '../link.ts'
import * as c from './libc.ts'
import { pathOf } from './tcp.ts'

/** The part of the loop that a link uses. */
export type Loop = {
  readonly libc: c.Libc
  readonly scratch: Buffer
  /** Null: the kernel does not splice, every byte is read and sent. */
  pipe: Pipe | null
  /** Sets the events that epoll reports for a link. A link that epoll refuses is faulted. */
  watch(link: NativeLink, interest: number): void
  /** Replaces a pipe in which bytes were left. */
  renewPipe(): void
  /** The kernel or a sandbox refuses to splice: reads everything from now on. */
  stopSplicing(errno: number): void
  /** `performance.now()` at the end of the last wait. */
  readonly wokeAt: number
  /** Calls `rested` of the link a moment later. */
  rest(link: NativeLink): void
  /** Closes the descriptor after the running batch of events, which could otherwise meet its number again. */
  release(fd: number): void
  /** Calls `lost` after the running callback, or `faulted` for an errno that only our own code can cause. */
  fail(link: NativeLink, call: string, errno: number): void
  /** Reports an exception of our own code. */
  report(error: unknown): void
}

/** The pipe that all links of a thread splice through: empty between calls. */
export type Pipe = { readonly read: number; readonly write: number; readonly size: number }

/** Reads smaller than this are not spliced: `splice` needs three calls instead of two. */
const WORTH_SPLICING = 32768

/**
 * A link in bulk whose bytes come packet by packet is read every few ms, as network cards moderate their interrupts: after
 * `BURST_READS` reads of full packets within `BURST_MS`. While it rests, epoll does not watch it, and no packet wakes the
 * thread. It rests again when at least `WORTH_RESTING` bytes have come: 11 Mbit/s.
 */
const BURST_READS = 4
const BURST_MS = 4
const [FULL_PACKET, FEW_PACKETS] = [1_000, 8_192]
const WORTH_RESTING = 4_096
/** A link that fills its buffer during a rest is too fast for it: the sender would wait for our window. ms. */
const RESTLESS_MS = 100

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
  #burstReads = 0
  /** Start of the running burst; in the future for a link that is too fast to rest. */
  #burstAt = 0
  #resting = false

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
    if (n <= 0) return this.#nothing(n)
    if (n < FEW_PACKETS && !this.#resting) this.#moderate(n)
    this.#on.bytes(this.#owner, scratch, HEAD, HEAD + n)
  }

  /** Counts a read of a few packets, and begins a rest after a burst of them. A short message ends the burst. */
  #moderate(n: number): void {
    const now = this.#loop.wokeAt
    if (n < FULL_PACKET || now - this.#burstAt >= BURST_MS) {
      this.#burstAt = Math.max(now, this.#burstAt)
      this.#burstReads = 0
    }
    if (++this.#burstReads < BURST_READS || now < this.#burstAt) return
    this.#burstReads = 0
    this.#resting = true
    this.#watch()
    this.#loop.rest(this)
  }

  /** Reads what has come during a rest. The link rests again unless little or very much has come. */
  rested(): void {
    if (this.closed) return
    if (this.#paused || this.#reportedEnd) this.#lastRead = 0
    else this.ready(c.EPOLLIN)
    if (this.closed) return
    const n = this.#lastRead
    if (n >= WORTH_RESTING && n < this.readSize) return this.#loop.rest(this)
    if (n >= this.readSize) this.#burstAt = this.#loop.wokeAt + RESTLESS_MS
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
    this.#lastRead = n
    if (n <= 0) {
      if (n < 0 && this.#refused()) return false
      this.#nothing(n)
      return true
    }
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
    while (left > 0) {
      const m = libc.read(pipe.read, pointer(scratch, HEAD), Math.min(left, scratch.length - HEAD))
      if (m <= 0) {
        const errno = m < 0 ? libc.errno() : 0
        this.#loop.renewPipe()
        throw c.systemError('read of the splice pipe', errno)
      }
      to.#keep(scratch, HEAD, HEAD + m)
      left -= m
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
