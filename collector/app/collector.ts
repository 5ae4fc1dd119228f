import type { AlertEvent } from '../../proxy/events/contract.ts'
import type { Logger } from '../../proxy/logger/logger.ts'
import { startDelivering } from '../alerts/delivery/outbox.ts'
import { openOutbox } from '../alerts/delivery/own-outbox.ts'
import { postAlert, type WebhookConfig } from '../alerts/delivery/webhook.ts'
import { openAlertBook } from '../alerts/engine/book.ts'
import { decide } from '../alerts/engine/decide.ts'
import { examine } from '../alerts/engine/examine.ts'
import { createWatching } from '../alerts/engine/watching.ts'
import { createBaseline } from '../alerts/rules/baseline.ts'
import { alertId, type Finding } from '../alerts/rules/finding.ts'
import { holdMs } from '../alerts/rules/rules.ts'
import { createExposition, type Exposed } from '../read/exposition.ts'
import type { AlertStatus, Status } from '../read/status.ts'
import { buildStatus } from '../read/status-builder.ts'
import { totalsOf, type UserTotals } from '../read/user-totals.ts'
import { followLog, type LogToFollow } from '../source/local.ts'

export type CollectorOptions = {
  /** The `fleet` label of all metrics; of an appliance, the name of its node. */
  readonly fleet: string
  readonly log: LogToFollow
  readonly version: string
  /** Epoch ms. */
  readonly now: () => number
  /** Ms, of a clock that is never set. */
  readonly steady?: () => number
  readonly logger: Logger
  /** Receives alerts in addition to the logger. */
  readonly webhook?: WebhookConfig | null
  readonly timings?: {
    /** Between two snapshots. After a kill the collector folds at most this much again. */
    readonly snapshotMs?: number
    /** Between two evaluations of the alert rules. */
    readonly decideMs?: number
    /** Multiplies the windows of the alert rules; below 1 in the demo. */
    readonly factor?: number
  }
}

export type Collector = {
  /** For `/api/status`. */
  status(): Status
  /** For `/api/alerts`: active alerts, then the last ones that were cleared. */
  alerts(): AlertStatus[]
  /** For `/metrics`: OpenMetrics when the `accept` header asks for it, else the text format of Prometheus. */
  exposition(accept?: string): Exposed
  /** Bytes of a user in both directions; null while the state is not known. */
  totals(user: string): UserTotals | null
  /** Resolves when the existing events are folded; rejects with errors of the event log. */
  readonly caughtUp: Promise<void>
  /** Folds nothing more and saves the state. Call it before the event log is closed. */
  stop(): void
}

const alertsName = 'collector-alerts'
const outboxName = 'collector-outbox'

/** Alerts of an appliance: the book of those that are up, kept in the event log, and the delivery to the webhook. */
const openAlerts = ({ log, logger, webhook = null, fleet, now }: CollectorOptions) => {
  const saved = log.loadSnapshot(alertsName)
  const book = openAlertBook(
    saved === null ? null : String(saved.value),
    (text) => log.saveSnapshot(alertsName, 0, text),
    logger,
  )
  if (webhook === null) return { book, deliver: book.deliver, stop: () => {} }
  const waiting = log.loadSnapshot(outboxName)
  const outbox = openOutbox(waiting === null ? null : String(waiting.value), (text) =>
    log.saveSnapshot(outboxName, 0, text),
  )
  const delivering = startDelivering({
    outbox,
    target: 'webhook',
    send: (event) => postAlert(webhook, event, fleet, now()),
    may: () => true,
    now,
    logger,
  })
  const deliver = (event: AlertEvent): void => {
    book.deliver(event)
    outbox.add(event)
    delivering.wake()
  }
  return { book, deliver, stop: delivering.stop }
}

/** The collector of one appliance: folds the local event log, examines the alert rules, and answers from memory. */
export const startCollector = (options: CollectorOptions): Collector => {
  const { fleet, log, version, now, steady = () => performance.now(), logger } = options
  const { snapshotMs = 60_000, decideMs = 1000, factor = 1 } = options.timings ?? {}
  const following = followLog(log, now, logger, steady)
  const { state } = following
  const { book, deliver, stop: stopAlerts } = openAlerts(options)
  const baseline = createBaseline(state, factor)
  const expose = createExposition()
  const watching = createWatching(now, steady)
  let findings: readonly Finding[] = []
  let stopped = false

  const watch = (): void => {
    const times = watching.look()
    findings = examine({
      ...times,
      ...{ state, factor, baseline },
      lagMs: following.lagMs(),
      raised: (rule, subject) => book.active.get(alertId(rule, subject)),
    })
    for (const event of decide(findings, book.active, times.now, holdMs * factor)) deliver(event)
  }

  const saving = setInterval(following.save, snapshotMs).unref()
  let deciding: NodeJS.Timeout | undefined
  // Rules judge the present only: they begin once the existing events are folded.
  const caughtUp = following.caughtUp.then(() => {
    if (stopped) return
    watching.begin()
    deciding = setInterval(watch, decideMs).unref()
  })
  const exposed = () => ({
    ...{ now: now(), fleet },
    lagMs: following.lagMs(),
    repeated: following.repeated(),
    active: [...book.active.values()],
    raisedTotal: book.raisedTotal,
  })

  return {
    status: () =>
      buildStatus(state, { version, alerts: book.list(findings), lagMs: following.lagMs(), now: now() }),
    alerts: () => book.list(findings),
    exposition: (accept) => expose(state, exposed(), accept),
    totals: (user) => totalsOf(state, now(), user),
    caughtUp,
    stop() {
      stopped = true
      clearInterval(saving)
      clearInterval(deciding)
      stopAlerts()
      following.stop()
    },
  }
}
