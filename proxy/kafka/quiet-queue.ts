import { createRequire } from 'node:module'

/** What of kafkajs' request queue is used here; it is not in its types. */
type Queue = {
  pending: readonly unknown[]
  throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  checkPendingRequests(): void
}

const soonMs = 10

/**
 * kafkajs 2.2.4 re-arms a timer of a negative time for ever, each connection 1,000 times a second: 5 % of a core while
 * nothing happens. This one waits only while something is pending, which is all that the timer is for.
 * False when kafkajs is built differently by now: then it runs as it came.
 */
export const quietQueue = (): boolean => {
  const found: unknown = createRequire(import.meta.url)('kafkajs/src/network/requestQueue')
  const prototype = typeof found === 'function' ? (found.prototype as Record<string, unknown>) : null
  if (typeof prototype?.scheduleCheckPendingRequests !== 'function') return false
  prototype.scheduleCheckPendingRequests = function (this: Queue): void {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null
        this.checkPendingRequests()
      },
      Math.max(soonMs, this.throttledUntil - Date.now()),
    )
  }
  return true
}
