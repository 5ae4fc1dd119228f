import { HEAD } from '../net/link.ts'
import type { Fill } from '../wire/random.ts'
import { headroom, leastRecord } from '../wire/records.ts'
import { Spare } from './spare.ts'

/** Bytes for one client that wait here: unread answers, or the part of its message that has come. Then it is closed. */
export const MOST_OF_CLIENT = 8 << 20
/** The same for all clients of a thread. The client whose bytes would exceed it is closed. */
export const MOST_OF_THREAD = 64 << 20

/** The longest piece of an answer in `out`: there is room for framing and TLS headers around it. */
export const PIECE = 256 << 10
/** Framing before and behind a message for a client, and around a message for a middle proxy. */
const FRAMING = 256

/** State that all connections to middle proxies of one thread share. */
export type Thread = {
  readonly random: Fill
  /** The memory in which one message, or a piece of one, gets its framing. */
  readonly out: Buffer
  readonly spare: Spare
  /** `performance.now()` of the last pulse. */
  now: number
  /** `performance.now()`. */
  clock(): number
  /** Seconds since 1970, for the nonces. */
  epochSeconds(): number
  /** Bytes of all clients that wait here. */
  waiting: number
  /** Reports an exception of our own code. Never throws. */
  report(error: unknown): void
}

export const openThread = (
  options: Pick<Thread, 'random' | 'clock' | 'epochSeconds' | 'report'>,
): Thread => ({
  ...options,
  now: options.clock(),
  out: Buffer.from(new ArrayBuffer(HEAD + FRAMING + PIECE + headroom(PIECE + FRAMING, leastRecord))),
  spare: new Spare(),
  waiting: 0,
})
