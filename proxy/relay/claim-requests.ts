import type { ClaimAnswer } from '../replay-cache/redis.ts'
import type { Lease } from '../user-limits/lease.ts'

/**
 * Asks all proxies whether a handshake was seen, and for a place of its user. Calls `answered` exactly once, never before `Ask`
 * returns.
 */
export type Ask = (
  digest: string,
  connection: string,
  answered: (answer: ClaimAnswer) => void,
  lease?: Lease | null,
) => void

// The main thread answers within 50 ms; this is for a main thread that cannot.
const TIMEOUT_MS = 150
/** Time counted for one interval between pulses, at most: a stall of the process is not the main thread's silence. */
const PULSE_MS = 100

/** One thread's claims that the main thread, which has the Redis connection, has not answered. */
export const claimRequests = (
  post: (id: number, digest: string, connection: string, lease: Lease | null) => void,
) => {
  const waiting = new Map<number, { answered: (answer: ClaimAnswer) => void; by: number }>()
  let last = 0
  let pulsedAt = 0
  let passedMs = 0
  const answer = (id: number, is: ClaimAnswer): void => {
    const request = waiting.get(id)
    waiting.delete(id)
    request?.answered(is)
  }
  const ask: Ask = (digest, connection, answered, lease = null) => {
    waiting.set(++last, { answered, by: passedMs + TIMEOUT_MS })
    post(last, digest, connection, lease)
  }
  return {
    ask,
    answer,
    get waiting() {
      return waiting.size
    },
    /** Answers `unanswered` for requests whose time is over, oldest first. */
    pulse: (now: number): void => {
      passedMs += Math.min(now - pulsedAt, PULSE_MS)
      pulsedAt = now
      for (const [id, { by }] of waiting) {
        if (passedMs < by) return
        answer(id, 'unanswered')
      }
    },
  }
}
