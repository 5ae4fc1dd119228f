import { setTimeout as delay } from 'node:timers/promises'
import { patientClock } from '../../../proxy/event-log/patient-clock.ts'
import type { AlertEvent } from '../../../proxy/events/contract.ts'
import type { Logger } from '../../../proxy/logger/logger.ts'
import type { Outcome } from './webhook.ts'

/** Alerts that wait to be delivered to one target, the oldest first. */
export type Outbox = {
  first(): Promise<AlertEvent | null>
  /** It was delivered, or is given up. */
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
  /** Something came into the outbox. */
  wake(): void
  stop(): void
}

/** What happened a day ago is no alert any more. */
const longestMs = 24 * 3_600_000
const lookMs = 2_000
const backOff = (tries: number): number =>
  Math.min(300_000, 1_000 * 2 ** Math.min(tries, 9)) * (0.75 + Math.random() / 2)

/**
 * Delivers what is in an outbox, one after the other and in order, each at least once: tried again with a growing pause
 * for a day. Deciding never waits for it. `may` says whether it is ours to deliver now.
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
  // No alert is given up because the clock has jumped ahead.
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
            why: outcome,
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
      else await give(event).catch(() => pause(lookMs)) // Redis went away in between
    }
  }
  void run()
  return { counts, wake: () => wake.resolve(), stop: () => stopping.abort() }
}
