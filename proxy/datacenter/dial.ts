import type { DialError, UpstreamError } from '../events/contract.ts'
import type { Dialing, Engine, Link } from '../net/link.ts'
import { type DialTimes, dialTimes } from './dial-times.ts'
import type { Address } from './directory.ts'
import { dialThrough, type Miss, type Upstream } from './upstream.ts'
import type { Upstreams } from './upstreams.ts'

/** Delay before the next address is tried while one has not answered: RFC 8305, 5 has the bounds and the default. */
const STAGGER_MS = { least: 100, usual: 250, most: 500 }

/**
 * Delay before the reserve is tried while no address has answered: it covers one lost SYN (sent again after 1 s). Without
 * it an address that swallows packets would cost the whole time-out, and apps give up after 5 to 12 s.
 */
const RESERVE_MS = 1_100

/** 19 of 20 dials of `address` connect in this time: one that has not is worth a second one. */
export const staggerMs = (times: DialTimes, address: Address, upstream?: string): number =>
  Math.min(STAGGER_MS.most, Math.max(STAGGER_MS.least, times.p95(address, upstream) ?? STAGGER_MS.usual))

/** `upstream` is the name of the upstream that was dialed; undefined with UPSTREAMS=direct, and for `dialDirect`. */
export type DialEvents = {
  connected(link: Link, address: Address, elapsedMs: number, upstream?: string): void
  /** One address failed; others may still connect. */
  missed(address: Address, error: DialError, elapsedMs: number, upstream?: string): void
  /** An upstream failed, or a later one was faster by far; others may still connect. */
  left?(upstream: string, error: UpstreamError, elapsedMs: number): void
  /** Every address failed. Not called after `cancel`. `upstream`: the last try did not get past an upstream. */
  failed(error: DialError | 'upstream'): void
  /** One of these functions threw, or the dial itself. The error was reported, and the dial has ended. */
  faulted(): void
}

/** Addresses that are tried one after the other. The next leg begins when all have failed, or 1.1 s after the last was tried. */
type Leg = { readonly upstream: Upstream | null; readonly addresses: readonly Address[] }

type Attempt = {
  readonly address: Address
  readonly upstream: Upstream | null
  readonly startedAt: number
  dialing: Dialing
}

export type Dialer = {
  /**
   * Dials through the upstreams, `reserve` when all of `addresses` have failed, or 1.1 s after the last of them was tried; in
   * the same way the next upstream.
   */
  dial(addresses: readonly Address[], events: DialEvents, reserve?: readonly Address[]): Dialing
  /** Dials from this host, whatever UPSTREAMS is. */
  dialDirect(addresses: readonly Address[], events: DialEvents): Dialing
  /** Call it often: starts the next attempts and ends those that time out. */
  pulse(now: number): void
  readonly inFlight: number
  readonly times: DialTimes
}

/** What the races of one dialer share. */
type Shared = {
  readonly engine: Engine
  readonly timeoutMs: number
  readonly report: (error: unknown) => void
  readonly upstreams: Upstreams | null
  readonly races: Set<Race>
  readonly times: DialTimes
  readonly clock: () => number
}

const legsOf = (
  { upstreams, clock }: Shared,
  addresses: readonly Address[],
  reserve: readonly Address[],
): readonly Leg[] => {
  const plain = [addresses, reserve].filter(({ length }) => length > 0)
  if (upstreams === null) return plain.map((all) => ({ upstream: null, addresses: all }))
  return upstreams
    .order(clock())
    .flatMap((upstream) => plain.map((all) => ({ upstream, addresses: upstreams.addresses(upstream, all) })))
    .filter(({ addresses }) => addresses.length > 0)
}

/** One dial: attempts to the addresses of each leg in their order, until one connects. */
class Race implements Dialing {
  readonly #shared: Shared
  readonly #events: DialEvents
  readonly #running = new Set<Attempt>()
  readonly #legs: readonly Leg[]
  #leg = 0
  /** The next address of the leg. */
  #next = 0
  #nextAt = 0
  #last: DialError | 'upstream'

  constructor(shared: Shared, legs: readonly Leg[], events: DialEvents) {
    this.#shared = shared
    this.#legs = legs
    this.#events = events
    // Without any leg, no upstream is ready.
    this.#last = shared.upstreams === null || legs.length > 0 ? 'unreachable' : 'upstream'
    shared.races.add(this)
    try {
      if (legs.length > 0) this.#start(shared.clock())
    } catch (error) {
      this.cancel()
      throw error
    }
  }

  cancel(): void {
    this.#shared.races.delete(this)
    for (const attempt of this.#running) attempt.dialing.cancel()
    this.#running.clear()
  }

  pulse(now: number): void {
    try {
      for (const attempt of this.#running) {
        if (now - attempt.startedAt < this.#shared.timeoutMs) continue
        attempt.dialing.cancel()
        // A SOCKS5 server has to answer even when the datacenter does not.
        const hop = attempt.upstream?.kind === 'socks5' ? 'upstream' : 'datacenter'
        this.#miss(attempt, { hop, error: 'timeout' }, now)
      }
      if (this.#running.size === 0 || now >= this.#nextAt) this.#start(now)
    } catch (error) {
      this.#fault(error)
    }
  }

  #start(now: number): void {
    if (!this.#shared.races.has(this)) return
    const leg = this.#legs[this.#leg]
    if (leg === undefined) return this.#exhausted()
    if (this.#next === 0 && this.#leg > 0 && this.#running.size > 0 && now < this.#nextAt) return
    const { upstream, addresses } = leg
    const address = addresses[this.#next++]!
    const last = this.#next === addresses.length
    this.#nextAt = now + (last ? RESERVE_MS : staggerMs(this.#shared.times, address, upstream?.name))
    if (last) this.#skip()
    const attempt: Attempt = { address, upstream, startedAt: now, dialing: notDialed }
    attempt.dialing = dialThrough(upstream, {
      engine: this.#shared.engine,
      address,
      connected: (link) => this.#connected(attempt, link),
      failed: (miss) => this.#failed(attempt, miss),
    })
    this.#running.add(attempt)
  }

  #skip(): void {
    this.#leg++
    this.#next = 0
  }

  /** No address is left to try. */
  #exhausted(): void {
    if (this.#running.size > 0) return
    this.cancel()
    this.#events.failed(this.#last)
  }

  #miss(attempt: Attempt, { hop, error }: Miss, now: number): void {
    this.#running.delete(attempt)
    const { address, upstream, startedAt } = attempt
    if (hop === 'datacenter') {
      this.#last = error as DialError // `socketMiss` and `missOf` give the others to the upstream
      this.#events.missed(address, error as DialError, now - startedAt, upstream?.name)
    } else {
      this.#last = error === 'no-descriptors' ? error : 'upstream'
      this.#leave(attempt, error, now)
      // The other addresses would fail in the same way.
      while (this.#legs[this.#leg]?.upstream === upstream) this.#skip()
    }
    this.#start(now)
  }

  #leave({ upstream, startedAt }: Attempt, error: UpstreamError, now: number): void {
    // A lack of descriptors on this host is not a fault of the upstream.
    if (error === 'no-descriptors') return
    const { name } = upstream!
    this.#shared.upstreams?.failed(name, error, now)
    this.#events.left?.(name, error, now - startedAt)
  }

  #connected(attempt: Attempt, link: Link): void {
    this.#running.delete(attempt)
    try {
      const { clock, times, upstreams } = this.#shared
      const { address, upstream, startedAt } = attempt
      const now = clock()
      if (upstream !== null) {
        upstreams?.worked(upstream.name)
        this.#overtake(upstream, now)
      }
      this.cancel()
      times.took(address, now - startedAt, upstream?.name)
      this.#events.connected(link, address, now - startedAt, upstream?.name)
    } catch (error) {
      this.#fault(error, link)
    }
  }

  /** An attempt through another upstream that has not ended counts as timed out: the first one stands for all of them. */
  #overtake(by: Upstream, now: number): void {
    const overtaken = [...this.#running].find(({ upstream }) => upstream !== by)
    if (overtaken === undefined) return
    const { address, upstream, startedAt } = overtaken
    if (upstream?.kind === 'socks5') this.#leave(overtaken, 'timeout', now)
    else this.#events.missed(address, 'timeout', now - startedAt, upstream?.name)
  }

  #failed(attempt: Attempt, miss: Miss): void {
    try {
      this.#miss(attempt, miss, this.#shared.clock())
    } catch (thrown) {
      this.#fault(thrown)
    }
  }

  /** An exception in the owner of this dial ends this dial and no other one. */
  #fault(error: unknown, link?: Link): void {
    this.cancel()
    link?.close()
    this.#shared.report(error)
    this.#events.faulted()
  }
}

const notDialed: Dialing = { cancel: () => {} }

/**
 * Happy-eyeballs dialing of the addresses of one datacenter, best first, each for at most `timeoutMs`. `upstreams`: null for
 * UPSTREAMS=direct.
 */
export const dialer = (
  engine: Engine,
  timeoutMs: number,
  report: (error: unknown) => void,
  clock: () => number = () => performance.now(),
  upstreams: Upstreams | null = null,
): Dialer => {
  const races = new Set<Race>()
  const times = dialTimes()
  const shared: Shared = { engine, timeoutMs, report, upstreams, races, times, clock }
  return {
    dial: (addresses, events, reserve = []) => new Race(shared, legsOf(shared, addresses, reserve), events),
    dialDirect: (addresses, events) => new Race(shared, [{ upstream: null, addresses }], events),
    pulse: (now) => {
      for (const race of races) race.pulse(now)
    },
    get inFlight() {
      return races.size
    },
    times,
  }
}
