import type { DialError, Family } from '../events/contract.ts'

/**
 * The port between the relay and the operating system. Two adapters: `native/` (epoll, by Node's FFI, on Linux) and
 * `portable.ts` (node:net, anywhere). The relay is the same code on both, and the tests run on both.
 */

/** `reset` is RST or a broken pipe, `timeout` the kernel giving up on a silent peer. */
export type LinkError = 'reset' | 'timeout' | 'other'

/** What a connection tells its owner. A phase of a session is one such table: no closures per connection. */
export type LinkEvents<Owner> = {
  /**
   * Bytes came, at [start, end) of a buffer that the whole thread shares: the callee's during the call only, to
   * change in place. `HEAD` bytes before `start` and headroom for TLS headers behind `end` are free to use.
   */
  bytes(owner: Owner, buffer: Buffer, start: number, end: number): void
  /** All that `write` could not pass on at once is gone now. */
  drained(owner: Owner): void
  /** The far end sends no more (FIN). */
  ended(owner: Owner): void
  /** The connection is gone; nothing more is told. Not called for an end that was asked for here. */
  lost(owner: Owner, error: LinkError): void
  /**
   * Our own code failed while it handled this connection: a callback threw, or a system call was refused that only we
   * can have got wrong. The link is closed and the error is reported; the owner ends what belongs to it.
   */
  faulted(owner: Owner): void
  /**
   * Bytes that need not be looked at: the link they may pass to inside the kernel. `passed` then says how many went.
   * An adapter may ignore it and use `bytes`.
   */
  passTo?(owner: Owner): Link | null
  passed?(owner: Owner, length: number): void
}

/** One TCP connection. */
export type Link = {
  /** From now on `owner` is told, by this table. */
  attach<Owner>(events: LinkEvents<Owner>, owner: Owner): void
  /** Takes all of [start, end), copying what the kernel does not take at once. False: wait for `drained`. */
  write(buffer: Buffer, start: number, end: number): boolean
  pause(): void
  resume(): void
  /** Reads what has come by now, a bounded number of times, before anything else is done. */
  pull(): void
  /** FIN, behind all that is unsent. */
  end(): void
  /** Gone at once, with what is unsent. */
  close(): void
  /** The same, by RST. */
  reset(): void
  /** Bytes taken by `write` and not yet by the kernel. */
  readonly unsent: number
  /** Bytes that were read and not given to the owner, who paused; an engine that reads what is asked for has none. */
  readonly unread: number
  readonly closed: boolean
  readonly family: Family
  /** 4 or 16 bytes. */
  readonly remote: Buffer
  /** The most that one read brings. */
  readSize: number
}

export type Dialing = { cancel(): void }

export type Listening = { readonly port: number; close(): void }

export type ListenOptions = {
  host: string
  port: number
  /** The kernel drops a peer that acknowledges nothing for so long (TCP_USER_TIMEOUT), where there is such; ms. */
  userTimeoutMs: number
  accepted(link: Link): void
  /** `accept` failed for want of file descriptors; it is tried again a little later. */
  exhausted(): void
}

/**
 * How busy the loop was since the last question: how long one round of work kept the others waiting, and 0–1 of the
 * time. Only where the engine waits outside of Node's own loop, which then measures the wrong thing.
 */
export type LoopLoad = { delayP50Ms: number; delayP99Ms: number; utilization: number }

export type Engine = {
  readonly kind: 'native' | 'portable'
  /** Whether its kernel ends who acknowledges nothing (`userTimeoutMs`). If not, the relay has to. */
  readonly endsDeafPeers: boolean
  listen(options: ListenOptions): Promise<Listening>
  /** `host` is an IP address. Exactly one of the two is called, never before this returns. */
  dial(
    host: string,
    port: number,
    connected: (link: Link) => void,
    failed: (error: DialError) => void,
  ): Dialing
  /**
   * Calls `pulse` at least as often as its answer (ms) asks, until `stop`, with a time before which all that the kernel
   * held has been read, be it after a stall of the process. `report` takes the exceptions of all callbacks; that of a
   * link's table ends this link alone (`faulted`).
   */
  run(pulse: (now: number) => number, report: (error: unknown) => void): void
  stop(): void
  /** A descriptor for another thread: a byte written there ends the wait, so that messages are seen at once. */
  waker?(): number | null
  sample?(): LoopLoad
}

/** Free bytes before each read: room for what goes first to a datacenter. */
export const HEAD = 64
