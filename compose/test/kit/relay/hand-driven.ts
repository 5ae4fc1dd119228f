import type { UpstreamError } from '../../../../proxy/events/contract.ts'
import {
  type Dialing,
  type Engine,
  type Link,
  type LinkError,
  type LinkEvents,
  type Path,
  type Source,
  unattached,
} from '../../../../proxy/net/link.ts'

/** A link that the test drives in place of the far end and the kernel. */
export type HandLink = Link & {
  /** Everything written to the link, as Latin-1. */
  readonly text: string
  readonly paused: boolean
  readonly finished: boolean
  readonly wasReset: boolean
  /** From now on written bytes stay unsent. */
  block(): void
  /** Sends the unsent bytes. */
  unblock(): void
  sends(bytes: Buffer | string): void
  finishes(): void
  breaks(error: LinkError): void
  /** The argument of `limitNotSent`; 0: not called. */
  readonly notSentLimit: number
  /** The answer of `path` from now on. */
  measure(path: Path): void
}

export const handLink = (remote = Buffer.from([192, 0, 2, 7])): HandLink => {
  let on = unattached
  let owner: unknown = null
  let unsent = 0
  let blocked = false
  let measured: Path | null = null
  let notSentLimit = 0
  const written: Buffer[] = []
  const state = { paused: false, finished: false, wasReset: false, closed: false }
  const close = (): void => {
    state.closed = true
    unsent = 0
    on = unattached
  }
  return {
    readSize: 65_536,
    unread: 0,
    family: remote.length === 16 ? 'ipv6' : 'ipv4',
    remote,
    get unsent() {
      return unsent
    },
    get closed() {
      return state.closed
    },
    get text() {
      return Buffer.concat(written).toString('latin1')
    },
    get paused() {
      return state.paused
    },
    get finished() {
      return state.finished
    },
    get wasReset() {
      return state.wasReset
    },
    attach: (events, to) => {
      on = events as LinkEvents<unknown>
      owner = to
    },
    write: (buffer, start, end) => {
      if (state.closed || state.finished) return unsent === 0
      written.push(Buffer.from(buffer.subarray(start, end)))
      if (blocked) unsent += end - start
      return unsent === 0
    },
    pause: () => {
      state.paused = true
    },
    resume: () => {
      state.paused = false
    },
    pull: () => {},
    end: () => {
      state.finished = true
    },
    close,
    path: () => (state.closed ? null : measured),
    ends: () =>
      state.closed ? null : { remotePort: 50_000, local: Buffer.from([192, 0, 2, 9]), localPort: 443 },
    limitNotSent: (bytes) => {
      notSentLimit = bytes
    },
    get notSentLimit() {
      return notSentLimit
    },
    measure: (path) => {
      measured = path
    },
    reset: () => {
      state.wasReset = true
      close()
    },
    block: () => {
      blocked = true
    },
    unblock: () => {
      blocked = false
      if (unsent === 0) return
      unsent = 0
      on.drained(owner)
    },
    sends: (bytes) => {
      const from = Buffer.from(bytes as string, 'latin1')
      const shared = Buffer.concat([Buffer.alloc(64), from, Buffer.alloc(64 + from.length / 64)])
      on.bytes(owner, shared, 64, 64 + from.length)
    },
    finishes: () => on.ended(owner),
    breaks: (error) => {
      const [reported, to] = [on, owner]
      close()
      reported.lost(to, error)
    },
  }
}

export type HandDial = {
  readonly host: string
  readonly source: Source | null
  /** Neither answered nor cancelled. */
  readonly open: boolean
  readonly cancelled: boolean
  connects(): HandLink
  fails(error: UpstreamError): void
}

/** An engine that the test drives in place of the operating system: a dial connects or fails when the test calls for it. */
export const handEngine = (
  endsDeafPeers = false,
): Engine & { readonly dials: HandDial[]; readonly running: HandDial[] } => {
  const dials: HandDial[] = []
  const dial = (
    host: string,
    _port: number,
    connected: (link: Link) => void,
    failed: (error: UpstreamError) => void,
    source?: Source,
  ): Dialing => {
    let state: 'open' | 'over' | 'cancelled' = 'open'
    dials.push({
      host,
      source: source ?? null,
      get open() {
        return state === 'open'
      },
      get cancelled() {
        return state === 'cancelled'
      },
      connects: () => {
        state = 'over'
        const link = handLink()
        connected(link)
        return link
      },
      fails: (error) => {
        state = 'over'
        failed(error)
      },
    })
    return {
      cancel: () => {
        if (state === 'open') state = 'cancelled'
      },
    }
  }
  return {
    kind: 'portable',
    endsDeafPeers,
    listen: async () => ({ port: 1, close: () => {} }),
    dial,
    run: () => {},
    stop: () => {},
    dials,
    get running() {
      return dials.filter(({ open }) => open)
    },
  }
}
