import type { LinkEvents } from '../../net/link.ts'
import { RATE_DOWN, RATE_UP } from '../../user-limits/counts.ts'
import { readSizeAt } from '../../user-limits/rate.ts'
import type { Relay, Relayed } from './session.ts'

// The rate of a user. Bytes that have passed are owed; while the user owes, its links are not read. All of its connections,
// in all threads, share the debt. A user without a rate has other tables of handlers, which do none of this.

type Direction = 'up' | 'down'

const rateOf = ({ session }: Relayed, direction: Direction): number | null =>
  session.user?.limited?.[direction === 'up' ? 'rateUp' : 'rateDown'] ?? null

export const isRated = (relayed: Relayed): boolean =>
  rateOf(relayed, 'up') !== null || rateOf(relayed, 'down') !== null

/** The size of one read, at most `usual`. */
export const readSizeFor = (relayed: Relayed, direction: Direction, usual: number): number => {
  const rate = rateOf(relayed, direction)
  return rate === null ? usual : Math.min(usual, readSizeAt(rate))
}

const wordOf = { up: RATE_UP, down: RATE_DOWN } as const

const pass = (relayed: Relayed, direction: Direction, length: number): void => {
  const { session, throttle } = relayed
  const { relay } = session
  const rate = rateOf(relayed, direction)
  if (rate === null || throttle === null || session.closed) return
  if (!relay.userRates.pass(session.user!.limited!.slot, wordOf[direction], rate, length)) return
  throttle[direction] = true
  relay.throttled.add(relayed)
  const { client } = session
  ;(direction === 'up' ? client : relayed.datacenter).pause()
}

/** The handlers of a link, for a user with a rate. `direction`: that of the bytes that the link brings. */
export const rated = (on: LinkEvents<Relayed>, direction: Direction): LinkEvents<Relayed> => ({
  ...on,
  bytes: (relayed, buffer, start, end) => {
    on.bytes(relayed, buffer, start, end)
    pass(relayed, direction, end - start)
  },
  ...(on.passed && {
    passed: (relayed, length) => {
      on.passed!(relayed, length)
      pass(relayed, direction, length)
    },
  }),
})

const waits = (relayed: Relayed, direction: Direction): boolean => {
  const { relay, user } = relayed.session
  const slot = user?.limited?.slot
  return (
    slot !== undefined &&
    rateOf(relayed, direction) !== null &&
    relay.userRates.waits(slot, wordOf[direction])
  )
}

/** Reads on where the debt of the user is paid. */
export const readOn = (relay: Relay): void => {
  for (const relayed of relay.throttled) {
    const { session, datacenter, throttle } = relayed
    const { client } = session
    if (session.closed || throttle === null) {
      relay.throttled.delete(relayed)
      continue
    }
    if (throttle.down && !waits(relayed, 'down')) {
      throttle.down = false
      if (client.unsent === 0) datacenter.resume()
    }
    if (throttle.up && !waits(relayed, 'up')) {
      throttle.up = false
      if (datacenter.unsent === 0 && !datacenter.closed) client.resume()
    }
    if (!throttle.up && !throttle.down) relay.throttled.delete(relayed)
  }
}
