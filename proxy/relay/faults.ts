import type { Emit } from '../events/contract.ts'
import type { Logger } from '../logger/logger.ts'

/** Between two events about the faults of one thread. */
const SECOND = 1_000

export type Faults = {
  /** Takes an exception of our own code, and cannot fail. */
  report(error: unknown): void
  /** Emits how many there were since the last event. */
  pulse(now: number): void
}

/**
 * Exceptions of our own code in one thread: each is counted, and of their stacks the 1st, 2nd, 4th, 8th … is logged, so
 * that a fault in the path of a byte does not fill the log.
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

/** Takes the exceptions of the main thread that nothing else has caught. */
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
