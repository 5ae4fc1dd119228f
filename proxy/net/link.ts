import type { Family, UpstreamError } from '../events/contract.ts'

// The port between the relay and the operating system, with two adapters: `epoll/` (Node's FFI, on Linux) and `node-net/`
// (anywhere). The relay is the same code on both, and the tests run on both.

/** `reset`: RST or a broken pipe. `timeout`: the kernel gave a silent peer up. */
export type LinkError = 'reset' | 'timeout' | 'other'

/** Handlers of a link's events. A phase of a connection is one such table: no closures per connection. */
export type LinkEvents<Owner> = {
  /**
   * Bytes came, at [start, end) of a buffer that the whole thread shares. The callee may change them in place during the
   * call, and use `HEAD` bytes before `start` and headroom for TLS headers behind `end`.
   */
  bytes(owner: Owner, buffer: Buffer, start: number, end: number): void
  /** Everything that `write` had to keep has been sent. */
  drained(owner: Owner): void
  /** The far end sends no more (FIN). */
  ended(owner: Owner): void
  /** The connection is gone; no event follows. Not called after `close` or `reset`. */
  lost(owner: Owner, error: LinkError): void
  /**
   * Our own code failed on this connection: a callback threw, or the kernel refused a call for a reason that only our code
   * can cause. The link is closed and the error is reported; the owner closes what belongs to the link.
   */
  faulted(owner: Owner): void
  /**
   * The link to which bytes may pass inside the kernel, unread; `passed` then reports their number. An adapter may ignore
   * it and use `bytes`.
   */
  passTo?(owner: Owner): Link | null
  passed?(owner: Owner, length: number): void
}

/** Handlers of a link without an owner. */
export const unattached: LinkEvents<unknown> = {
  bytes: () => {},
  drained: () => {},
  ended: () => {},
  lost: () => {},
  faulted: () => {},
}

/** The kernel's measurements of the network to the far end of a link. */
export type Path = {
  /** Smoothed round trip. */
  readonly rttMs: number
  /** Segments with data that were sent, retransmissions included. */
  readonly segments: number
  readonly retransmits: number
  /** The newest rate at which the network delivered our bytes, bytes a second; 0: we never sent as fast as it delivers. */
  readonly deliveryRate: number
  /** Bytes that the kernel took and has not sent. */
  readonly notSent: number
}

/** What `Link.remote` lacks of the addresses of a connection. */
export type Ends = {
  readonly remotePort: number
  /** 4 or 16 bytes. */
  readonly local: Buffer
  readonly localPort: number
}

/** One TCP connection. */
export type Link = {
  /** Replaces the handlers, and the owner that they are called with. */
  attach<Owner>(events: LinkEvents<Owner>, owner: Owner): void
  /** Takes all of [start, end) and copies what the kernel does not take immediately. False: wait for `drained`. */
  write(buffer: Buffer, start: number, end: number): boolean
  pause(): void
  resume(): void
  /** Reads what has come by now, a bounded number of times, before it returns. */
  pull(): void
  /** Sends FIN after all unsent bytes. */
  end(): void
  /** Closes immediately and discards unsent bytes. */
  close(): void
  /** Closes with RST. */
  reset(): void
  /** Asks the kernel; null after `close`, and where the engine cannot ask. */
  path(): Path | null
  /** Asks the kernel; null after `close`, and for a Unix socket. */
  ends(): Ends | null
  /** The kernel takes no more than `bytes` that it has not sent. Without effect where the engine cannot limit it. */
  limitNotSent(bytes: number): void
  /** Bytes that `write` took and the kernel did not. */
  readonly unsent: number
  /** Bytes that were read before a pause and not delivered; 0 where the engine reads no more than is asked for. */
  readonly unread: number
  readonly closed: boolean
  readonly family: Family
  /** 4 or 16 bytes. */
  readonly remote: Buffer
  /** Size of one read. */
  readSize: number
}

export type Dialing = { cancel(): void }

/** Where a dialed connection begins: an address of this host, and the interface by which it leaves. */
export type Source = { readonly address: string; readonly device: string | null }

export type Listening = {
  readonly port: number
  /** How clients are sent to, where the engine can ask. */
  readonly congestion?: string
  close(): void
}

/** Where clients connect. `inherited`: sockets that the supervisor has opened, by their name; empty: all of them. */
export type ListenAt =
  | { readonly host: string; readonly port: number }
  | { readonly path: string; readonly mode: number }
  | { readonly inherited: string }

/** `descriptor`: a socket that listens; the engine uses a duplicate. `shared`: other threads accept from it, too. */
export type ListenOn =
  | Exclude<ListenAt, { inherited: string }>
  | { readonly descriptor: number; readonly shared: boolean }

export type ListenOptions = ListenOn & {
  /** The kernel drops a peer that acknowledges nothing for so long, where it has TCP_USER_TIMEOUT; ms. */
  userTimeoutMs: number
  /** Maximum bytes of a segment in both directions, where the engine can limit them; absent or null: no limit. */
  maxSegment?: number | null
  /** Congestion control of accepted connections; absent or null: that of the host. */
  congestion?: string | null
  accepted(link: Link): void
  /** `accept` failed because file descriptors ran out; it is tried again a little later. */
  exhausted(): void
}

/**
 * Load of the loop since the last sample: how long one round of work kept others waiting, and its share of the time (0–1).
 * Only for an engine that waits outside of Node's own loop, whose measurement is wrong then.
 */
export type LoopLoad = { delayP50Ms: number; delayP99Ms: number; utilization: number }

/** Work of the relay that no link causes: time-outs, refills, posting of events. */
export type Work = {
  /** Everything that the kernel held at `now` has been read, even after a stall of the process. */
  pulse(now: number): void
  /**
   * How long after the last pulse the next one may come when no link wakes the thread, ms. A thread that is awake pulses
   * every `PULSE_MS`, which costs no wake-up.
   */
  patience(): number
}

/** Shortest time between two pulses. */
export const PULSE_MS = 50

export type Engine = {
  readonly kind: 'native' | 'portable'
  /** Whether the kernel ends peers that acknowledge nothing (`userTimeoutMs`). If not, the relay has to. */
  readonly endsDeafPeers: boolean
  listen(options: ListenOptions): Promise<Listening>
  /**
   * `host` is an IP address or the path of a Unix socket. Calls exactly one of the two, never before it returns. The errors `no-source` and `no-ports`
   * come only with a source.
   */
  dial(
    host: string,
    port: number,
    connected: (link: Link) => void,
    failed: (error: UpstreamError) => void,
    source?: Source,
  ): Dialing
  /** Calls `work.pulse` until `stop`. `report` gets exceptions of all callbacks; one of a link's handler ends only this link (`faulted`). */
  run(work: Work, report: (error: unknown) => void): void
  stop(): void
  /** A descriptor for another thread: a byte written to it ends the wait, so that messages are read immediately. */
  waker?(): number | null
  sample?(): LoopLoad
}

/** Free bytes before each read: room for the opening to a datacenter. */
export const HEAD = 64
