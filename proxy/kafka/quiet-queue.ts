import { createRequire } from 'node:module'

/** The part of kafkajs' request queue that is used here; kafkajs has no types for it. */
type Queue = {
  pending: readonly unknown[]
  throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  checkPendingRequests(): void
}

const soonMs = 10

/**
 * kafkajs 2.2.4 re-arms a timer with a negative delay without end, 1,000 times a second for each connection: 5 % of a core
 * while idle. This one runs only while requests are pending, which is all that the timer is for.
 * False when kafkajs is built differently: then it stays unchanged.
 */
export const patchQueue = (): boolean => {
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
