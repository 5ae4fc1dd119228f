import type { Emit } from '../events/contract.ts'
import type { Logger } from '../logger/logger.ts'

/** Shortest interval between two events about the faults of one thread; ms. */
const SECOND = 1_000

export type Faults = {
  /** Counts and logs an exception of our own code. Never throws. */
  report(error: unknown): void
  /** Emits the number of faults since the last event. */
  pulse(now: number): void
}

/**
 * Counts exceptions of our own code in one thread and logs the stack of the 1st, 2nd, 4th, 8th …, so that a fault in the
 * path of a byte does not fill the log.
 */
export const faultCounter = (thread: string, emit: Emit, log: (message: string) => void): Faults => {
  let total = 0
  let emitted = 0
  let emittedAt = Number.NEGATIVE_INFINITY
  return {
    report: (error) => {
      if ((++total & (total - 1)) !== 0) return
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
      log(total > 1 ? `${total} times, last: ${message}` : message)
    },
    pulse: (now) => {
      if (total === emitted || now - emittedAt < SECOND) return
      emit({ v: 1, type: 'process.faulted', at: Date.now(), thread, count: total - emitted })
      emitted = total
      emittedAt = now
    },
  }
}

/** A handler for uncaught exceptions of the main thread. */
export const mainFaults = (emit: Emit, logger: Logger): ((error: unknown) => void) => {
  const faults = faultCounter('main', emit, (message) => logger('error', 'fault', { message }))
  let counting = false
  return (error) => {
    faults.report(error)
    if (counting) return
    counting = true
    setTimeout(() => {
      counting = false
      faults.pulse(performance.now())
    }, SECOND).unref()
  }
}
