import type { UserCounts } from './counts.ts'

/**
 * Bytes per second of a user, a token bucket that all threads share. A cell holds the millisecond at which everything that
 * has passed is earned: bytes that were read are owed, and nothing is read while the cell is ahead of the clock.
 */

/** What a user may pass after a rest, as time at the full rate; ms. */
const BURST = 250
/** The longest debt. A cell that is further ahead is weeks old: its number has wrapped around. */
const LONGEST = 120_000

/** A cell of which nothing has passed. */
const NEVER = 0

export type Rate = {
  /** Owes for bytes that have passed; true: the user has to wait. */
  pass(slot: number, word: number, bytesPerSecond: number, bytes: number): boolean
  /** Whether the user has to wait. */
  waits(slot: number, word: number): boolean
}

/** `clock` is the same in all threads, ms. */
export const rateOf = ({ words, at }: Pick<UserCounts, 'words' | 'at'>, clock: () => number): Rate => {
  /** The part of a millisecond that this thread has not charged yet. */
  let rest = 0
  const now = (): number => Math.floor(clock()) | 0
  const aheadOf = (cell: number, at: number): number => {
    const ms = (cell - at) | 0
    return cell === NEVER || ms > LONGEST || ms < -BURST ? -BURST : ms
  }
  return {
    pass: (slot, word, bytesPerSecond, bytes) => {
      const exact = (bytes * 1_000) / bytesPerSecond + rest
      const cost = Math.floor(exact)
      rest = exact % 1
      const place = at(slot, word)
      const present = now()
      for (;;) {
        const cell = Atomics.load(words, place)
        const ahead = Math.min(aheadOf(cell, present) + cost, LONGEST)
        if (Atomics.compareExchange(words, place, cell, (present + ahead) | 0 || 1) === cell) return ahead > 0
      }
    },
    waits: (slot, word) => aheadOf(Atomics.load(words, at(slot, word)), now()) > 0,
  }
}

/** The size of one read at a rate, at most: bytes come every 50 ms, not a second's worth in one read. */
export const readSizeAt = (bytesPerSecond: number): number => Math.max(1_024, Math.floor(bytesPerSecond / 20))
