import { setTimeout as delay } from 'node:timers/promises'
import { patientClock } from '../../../proxy/event-log/patient-clock.ts'
import type { AlertEvent } from '../../../proxy/events/contract.ts'
import type { Logger } from '../../../proxy/logger/logger.ts'
import type { Outcome } from './webhook.ts'

/** Alerts that wait for delivery to one target, the oldest first. */
export type Outbox = {
  first(): Promise<AlertEvent | null>
  /** Removes an alert that was delivered or given up. */
  remove(event: AlertEvent): Promise<void>
}

export type Deliveries = {
  readonly delivered: number
  readonly refused: number
  readonly expired: number
  readonly failed: number
}

export type Delivering = {
  readonly counts: Deliveries
  /** Call it when the outbox has a new alert. */
  wake(): void
  stop(): void
}

/** An alert that is older than this is given up. */
const longestMs = 24 * 3_600_000
const lookMs = 2_000
const backOff = (tries: number): number =>
  Math.min(300_000, 1_000 * 2 ** Math.min(tries, 9)) * (0.75 + Math.random() / 2)

/**
 * Delivers the alerts of an outbox in order, each at least once, with growing pauses between tries for a day. Deciding
 * never waits for it. `may` returns whether this process may deliver now.
 */
export const startDelivering = (options: {
  readonly outbox: Outbox
  readonly target: 'kafka' | 'webhook'
  readonly send: (event: AlertEvent) => Promise<Outcome>
  readonly may: () => boolean
  readonly now: () => number
  /** Ms, of a clock that is never set. */
  readonly steady?: () => number
  readonly logger: Logger
  readonly pauseMs?: (tries: number) => number
}): Delivering => {
  const {
    outbox,
    target,
    send,
    may,
    now,
    steady = () => performance.now(),
    logger,
    pauseMs = backOff,
  } = options
  // A clock that jumps ahead must not expire alerts.
  const patient = patientClock(now, steady)
  const counts = { delivered: 0, refused: 0, expired: 0, failed: 0 }
  const stopping = new AbortController()
  let wake = Promise.withResolvers<void>()

  const pause = async (ms: number): Promise<void> => {
    const timer = new AbortController()
    await Promise.race([
      wake.promise,
      delay(ms, undefined, { signal: AbortSignal.any([stopping.signal, timer.signal]), ref: false }).catch(
        () => {},
      ),
    ])
    timer.abort()
    wake = Promise.withResolvers()
  }

  const give = async (event: AlertEvent): Promise<void> => {
    for (let tries = 0; may() && !stopping.signal.aborted; tries++) {
      const outcome = patient() - event.at > longestMs ? 'expired' : await send(event)
      if (outcome !== 'again') {
        counts[outcome]++
        if (outcome !== 'delivered')
          logger('error', 'alert-undelivered', {
            target,
            reason: outcome,
            rule: event.rule,
            subject: event.subject,
          })
        return outbox.remove(event)
      }
      if (counts.failed++ === 0 || tries === 0) logger('warn', 'alert-waits', { target, rule: event.rule })
      await delay(pauseMs(tries), undefined, { signal: stopping.signal, ref: false }).catch(() => {})
    }
  }

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const event = may() ? await outbox.first().catch(() => null) : null
      if (event === null) await pause(lookMs)
      else await give(event).catch(() => pause(lookMs)) // Redis was lost meanwhile
    }
  }
  void run()
  return { counts, wake: () => wake.resolve(), stop: () => stopping.abort() }
}
