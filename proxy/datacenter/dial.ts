import type { DialError } from '../events/contract.ts'
import type { Dialing, Engine, Link } from '../net/link.ts'
import type { Address } from './directory.ts'

/** Until the next address is tried beside one that has not answered: RFC 8305, 5. */
const STAGGER_MS = 250

export type DialEvents = {
  connected(link: Link, address: Address, elapsedMs: number): void
  /** One address did not take the connection; others may still. */
  missed(address: Address, error: DialError, elapsedMs: number): void
  /** No address did. Not called after `cancel`. */
  failed(error: DialError): void
  /** One of the above threw, or the dial itself: it is reported, and nothing is left of the dial. */
  faulted(): void
}

type Attempt = { address: Address; startedAt: number; dialing: Dialing }

export type Dialer = {
  /** `reserve` is dialed when every one of `addresses` has failed. */
  dial(addresses: readonly Address[], events: DialEvents, reserve?: readonly Address[]): Dialing
  /** Lets time pass: starts the next attempts and ends the late ones. */
  pulse(now: number): void
  readonly inFlight: number
}

/** Happy-eyeballs dialing over the addresses of one datacenter, best first, each for at most `timeoutMs`. */
export const dialer = (engine: Engine, timeoutMs: number, report: (error: unknown) => void): Dialer => {
  const races = new Set<{ pulse(now: number): void }>()

  const dial = (
    addresses: readonly Address[],
    events: DialEvents,
    reserve: readonly Address[] = [],
  ): Dialing => {
    let turn = addresses
    const running = new Set<Attempt>()
    let next = 0
    let nextAt = 0
    let last: DialError = 'unreachable'
    const over = (): void => {
      races.delete(race)
      for (const attempt of running) attempt.dialing.cancel()
      running.clear()
    }
    /** What the owner of one dial throws ends this dial and no other one. */
    const guarded = (work: () => void, link?: Link): void => {
      try {
        work()
      } catch (error) {
        over()
        link?.close()
        report(error)
        events.faulted()
      }
    }
    const miss = (attempt: Attempt, error: DialError, now: number): void => {
      running.delete(attempt)
      last = error
      events.missed(attempt.address, error, now - attempt.startedAt)
      start(now)
    }
    const start = (now: number): void => {
      const address = turn[next++]
      if (address === undefined) {
        if (running.size > 0 || !races.has(race)) return
        if (turn !== reserve && reserve.length > 0) {
          turn = reserve
          next = 0
          return start(now)
        }
        over()
        events.failed(last)
        return
      }
      nextAt = now + STAGGER_MS
      const attempt: Attempt = {
        address,
        startedAt: now,
        dialing: engine.dial(
          address.host,
          address.port,
          (link) => {
            running.delete(attempt)
            guarded(() => {
              over()
              events.connected(link, address, performance.now() - attempt.startedAt)
            }, link)
          },
          (error) => guarded(() => miss(attempt, error, performance.now())),
        ),
      }
      running.add(attempt)
    }
    const race = {
      pulse: (now: number): void =>
        guarded(() => {
          for (const attempt of running) {
            if (now - attempt.startedAt < timeoutMs) continue
            attempt.dialing.cancel()
            miss(attempt, 'timeout', now)
          }
          if (running.size === 0 || (now >= nextAt && next < turn.length)) start(now)
        }),
    }
    races.add(race)
    try {
      if (addresses.length > 0) start(performance.now())
    } catch (error) {
      over()
      throw error
    }
    return { cancel: over }
  }

  return {
    dial,
    pulse: (now) => {
      for (const race of races) race.pulse(now)
    },
    get inFlight() {
      return races.size
    },
  }
}
