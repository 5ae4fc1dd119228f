import type { ClaimAnswer } from '../replay/shared.ts'

/** Asks whether a handshake was seen by any proxy. `answered` is called once, never before this returns. */
export type Ask = (digest: string, connection: string, answered: (answer: ClaimAnswer) => void) => void

// The main thread answers within 50 ms; this is for one that cannot.
const PATIENCE_MS = 150

/** Questions of one thread to the main thread, which speaks to Redis. */
export const claimQuestions = (post: (id: number, digest: string, connection: string) => void) => {
  const waiting = new Map<number, { answered: (answer: ClaimAnswer) => void; by: number }>()
  let last = 0
  const answer = (id: number, is: ClaimAnswer): void => {
    const asked = waiting.get(id)
    waiting.delete(id)
    asked?.answered(is)
  }
  const ask: Ask = (digest, connection, answered) => {
    waiting.set(++last, { answered, by: performance.now() + PATIENCE_MS })
    post(last, digest, connection)
  }
  return {
    ask,
    answer,
    /** Gives up what has waited too long; oldest first. */
    pulse: (now: number): void => {
      for (const [id, { by }] of waiting) {
        if (now < by) return
        answer(id, 'unanswered')
      }
    },
  }
}
