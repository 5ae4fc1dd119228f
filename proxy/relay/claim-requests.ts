import type { ClaimAnswer } from '../replay-cache/redis.ts'

/** Asks whether a handshake was seen by any proxy. `answered` is called once, never before this returns. */
export type Ask = (digest: string, connection: string, answered: (answer: ClaimAnswer) => void) => void

// The main thread answers within 50 ms; this is for one that cannot.
const PATIENCE_MS = 150
/** What counts of the time between two pulses: the main thread answers nothing while the process stands still. */
const PULSE_MS = 100

/** Questions of one thread to the main thread, which speaks to Redis. */
export const claimQuestions = (post: (id: number, digest: string, connection: string) => void) => {
  const waiting = new Map<number, { answered: (answer: ClaimAnswer) => void; by: number }>()
  let last = 0
  let pulsedAt = 0
  let passedMs = 0
  const answer = (id: number, is: ClaimAnswer): void => {
    const asked = waiting.get(id)
    waiting.delete(id)
    asked?.answered(is)
  }
  const ask: Ask = (digest, connection, answered) => {
    waiting.set(++last, { answered, by: passedMs + PATIENCE_MS })
    post(last, digest, connection)
  }
  return {
    ask,
    answer,
    /** Gives up what has waited too long; oldest first. */
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
