import type { DialError } from '../events/contract.ts'
import type { Dialing, Engine, Link } from '../net/link.ts'
import { type DialTimes, dialTimes } from './dial-times.ts'
import type { Address } from './directory.ts'

/** Delay before the next address is tried while one has not answered: RFC 8305, 5 has the bounds and the default. */
const STAGGER_MS = { least: 100, usual: 250, most: 500 }

/**
 * Delay before the reserve is tried while no address has answered: it covers one lost SYN (sent again after 1 s). Without
 * it an address that swallows packets would cost the whole time-out, and apps give up after 5 to 12 s.
 */
const RESERVE_MS = 1_100

/** 19 of 20 dials of `address` connect in this time: one that has not is worth a second one. */
export const staggerMs = (times: DialTimes, address: Address): number =>
  Math.min(STAGGER_MS.most, Math.max(STAGGER_MS.least, times.p95(address) ?? STAGGER_MS.usual))

export type DialEvents = {
  connected(link: Link, address: Address, elapsedMs: number): void
  /** One address failed; others may still connect. */
  missed(address: Address, error: DialError, elapsedMs: number): void
  /** Every address failed. Not called after `cancel`. */
  failed(error: DialError): void
  /** One of these functions threw, or the dial itself. The error was reported, and the dial has ended. */
  faulted(): void
}

type Attempt = { address: Address; startedAt: number; dialing: Dialing }

export type Dialer = {
  /** Dials `reserve` when all of `addresses` have failed, or 1.1 s after the last of them was tried. */
  dial(addresses: readonly Address[], events: DialEvents, reserve?: readonly Address[]): Dialing
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
  readonly races: Set<Race>
  readonly times: DialTimes
  readonly clock: () => number
}

/** One dial: attempts to the addresses in their order, then to the reserve, until one connects. */
class Race implements Dialing {
  readonly #shared: Shared
  readonly #events: DialEvents
  readonly #running = new Set<Attempt>()
  /** In the order of their attempts; from `#reserveAt` on the reserve. */
  readonly #addresses: readonly Address[]
  readonly #reserveAt: number
  #next = 0
  #nextAt = 0
  #last: DialError = 'unreachable'

  constructor(
    shared: Shared,
    addresses: readonly Address[],
    events: DialEvents,
    reserve: readonly Address[],
  ) {
    this.#shared = shared
    this.#addresses = [...addresses, ...reserve]
    this.#reserveAt = addresses.length
    this.#events = events
    shared.races.add(this)
    try {
      if (addresses.length > 0) this.#start(shared.clock())
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
        this.#miss(attempt, 'timeout', now)
      }
      if (this.#running.size === 0 || now >= this.#nextAt) this.#start(now)
    } catch (error) {
      this.#fault(error)
    }
  }

  #start(now: number): void {
    if (!this.#shared.races.has(this)) return
    const address = this.#addresses[this.#next]
    if (address === undefined) return this.#exhausted()
    if (this.#next === this.#reserveAt && this.#running.size > 0 && now < this.#nextAt) return
    this.#next++
    const last = this.#next === this.#reserveAt
    this.#nextAt = now + (last ? RESERVE_MS : staggerMs(this.#shared.times, address))
    const attempt: Attempt = {
      address,
      startedAt: now,
      dialing: this.#shared.engine.dial(
        address.host,
        address.port,
        (link) => this.#connected(attempt, link),
        (error) => this.#failed(attempt, error),
      ),
    }
    this.#running.add(attempt)
  }

  /** No address is left to try. */
  #exhausted(): void {
    if (this.#running.size > 0) return
    this.cancel()
    this.#events.failed(this.#last)
  }

  #miss(attempt: Attempt, error: DialError, now: number): void {
    this.#running.delete(attempt)
    this.#last = error
    this.#events.missed(attempt.address, error, now - attempt.startedAt)
    this.#start(now)
  }

  #connected(attempt: Attempt, link: Link): void {
    this.#running.delete(attempt)
    try {
      this.cancel()
      const { clock, times } = this.#shared
      const elapsedMs = clock() - attempt.startedAt
      times.took(attempt.address, elapsedMs)
      this.#events.connected(link, attempt.address, elapsedMs)
    } catch (error) {
      this.#fault(error, link)
    }
  }

  #failed(attempt: Attempt, error: DialError): void {
    try {
      this.#miss(attempt, error, this.#shared.clock())
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

/** Happy-eyeballs dialing of the addresses of one datacenter, best first, each for at most `timeoutMs`. */
export const dialer = (
  engine: Engine,
  timeoutMs: number,
  report: (error: unknown) => void,
  clock: () => number = () => performance.now(),
): Dialer => {
  const races = new Set<Race>()
  const times = dialTimes()
  const shared: Shared = { engine, timeoutMs, report, races, times, clock }
  return {
    dial: (addresses, events, reserve = []) => new Race(shared, addresses, events, reserve),
    pulse: (now) => {
      for (const race of races) race.pulse(now)
    },
    get inFlight() {
      return races.size
    },
    times,
  }
}
