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
import { followLog, type LogToFollow } from '../source/local.ts'

export type CollectorOptions = {
  /** The `fleet` label of all metrics: the name of this node, when it is alone. */
  readonly fleet: string
  readonly log: LogToFollow
  readonly version: string
  /** Epoch ms. */
  readonly now: () => number
  /** Ms, of a clock that is never set. */
  readonly steady?: () => number
  readonly logger: Logger
  /** Where alerts are posted to besides. */
  readonly webhook?: WebhookConfig | null
  readonly timings?: {
    /** Between two snapshots: what a kill costs is folding so much again. */
    readonly snapshotMs?: number
    /** Between two looks at the alert rules. */
    readonly decideMs?: number
    /** What the windows of the alert rules are multiplied by; below 1 for a demonstration. */
    readonly factor?: number
  }
}

export type Collector = {
  /** For `/api/status`. */
  status(): Status
  /** For `/api/alerts`: those that are up, then the last ones cleared. */
  alerts(): AlertStatus[]
  /** For `/metrics`: OpenMetrics when `accept` asks for it, else Prometheus' text format. */
  exposition(accept?: string): Exposed
  /** Settles when the past is folded; fails with what the log threw. */
  readonly caughtUp: Promise<void>
  /** Keeps the state and folds no more. Call it before the log is closed. */
  stop(): void
}

const alertsName = 'collector-alerts'
const outboxName = 'collector-outbox'

/** The collector of one appliance: it follows the local log, watches the alert rules, and answers from memory. */
export const startCollector = ({
  fleet,
  log,
  version,
  now,
  steady = () => performance.now(),
  logger,
  webhook = null,
  timings = {},
}: CollectorOptions): Collector => {
  const { snapshotMs = 60_000, decideMs = 1000, factor = 1 } = timings
  const following = followLog(log, now, logger, steady)
  const { state } = following
  const saved = log.loadSnapshot(alertsName)
  const book = openAlertBook(
    saved === null ? null : String(saved.value),
    (text) => log.saveSnapshot(alertsName, 0, text),
    logger,
  )
  const waiting = webhook === null ? null : log.loadSnapshot(outboxName)
  const outbox = openOutbox(waiting === null ? null : String(waiting.value), (text) =>
    log.saveSnapshot(outboxName, 0, text),
  )
  const delivering =
    webhook === null
      ? null
      : startDelivering({
          outbox,
          target: 'webhook',
          send: (event) => postAlert(webhook, event, fleet, now()),
          may: () => true,
          now,
          logger,
        })
  const baseline = createBaseline(state, factor)
  const expose = createExposition()
  let findings: readonly Finding[] = []
  const watching = createWatching(now, steady)
  let stopped = false

  const watch = (): void => {
    const looked = watching.look()
    findings = examine({
      ...looked,
      state,
      lagMs: following.lagMs(),
      factor,
      baseline,
      raised: (rule, subject) => book.active.get(alertId(rule, subject)),
    })
    for (const event of decide(findings, book.active, looked.now, holdMs * factor)) {
      book.deliver(event)
      if (delivering === null) continue
      outbox.add(event)
      delivering.wake()
    }
  }

  const saving = setInterval(following.save, snapshotMs).unref()
  let looking: NodeJS.Timeout | undefined
  // Old facts are no news: rules look at the present only.
  const caughtUp = following.caughtUp.then(() => {
    if (stopped) return
    watching.begin()
    looking = setInterval(watch, decideMs).unref()
  })

  return {
    status: () =>
      buildStatus(state, { version, alerts: book.list(findings), lagMs: following.lagMs(), now: now() }),
    alerts: () => book.list(findings),
    exposition: (accept) =>
      expose(
        state,
        {
          now: now(),
          fleet,
          lagMs: following.lagMs(),
          repeated: following.repeated(),
          active: [...book.active.values()],
          raisedTotal: book.raisedTotal,
        },
        accept,
      ),
    caughtUp,
    stop() {
      stopped = true
      clearInterval(saving)
      clearInterval(looking)
      delivering?.stop()
      following.stop()
    },
  }
}
