import { randomUUID } from 'node:crypto'
import type { AlertEvent } from '../../../proxy/events/contract.ts'
import type { Producer } from '../../../proxy/kafka/producer.ts'
import type { Logger } from '../../../proxy/logger/logger.ts'
import { type RedisClient, script } from '../../../proxy/redis/connect.ts'
import { alertKey } from '../../../proxy/redis/keys.ts'
import type { Reading } from '../../fold/state.ts'
import type { AlertStatus } from '../../read/status.ts'
import { type Delivering, type Outbox, startDelivering } from '../delivery/outbox.ts'
import { openOutbox } from '../delivery/own-outbox.ts'
import { redisOutbox } from '../delivery/redis-outbox.ts'
import { postAlert, type WebhookConfig } from '../delivery/webhook.ts'
import { createBaseline } from '../rules/baseline.ts'
import { alertId, type Finding } from '../rules/finding.ts'
import { holdMs, severityOf } from '../rules/rules.ts'
import { decide } from './decide.ts'
import { examine } from './examine.ts'
import { createSelfWatch, type Whys } from './self-watch.ts'
import { createSharedBook } from './shared-book.ts'
import { createWatching, type Watching } from './watching.ts'

export type Deciding = {
  /** Takes or keeps the lease, reads the book, examines the rules once. Call it after each refresh of the state. */
  refresh(): Promise<void>
  list(): AlertStatus[]
  active(): { readonly rule: string; readonly subject: string }[]
  raisedTotal(): ReadonlyMap<string, number>
  /** Hands the lease over. */
  stop(): Promise<void>
}

export type DecidingOptions = {
  readonly redis: RedisClient
  readonly prefix: string
  readonly state: Reading
  readonly lagMs: () => number
  /** Whether this collector sees enough to decide. */
  readonly able: () => boolean
  readonly alerts: Pick<Producer, 'send'>
  readonly webhook: WebhookConfig | null
  /** The name of this collector. */
  readonly self: string
  readonly up: () => { readonly kafka: boolean; readonly redis: boolean }
  /** Why a service is not up. */
  readonly why?: () => Whys
  readonly factor: number
  readonly now: () => number
  /** Ms, of a clock that is never set. */
  readonly steady: () => number
  readonly watching?: Watching
  readonly logger: Logger
}

const leaseMs = 5_000
/** With events older than this the state is behind: the rules would judge an old moment as the present one. */
const freshMs = 30_000
const scripts = { lease: script('lease'), release: script('release') }

/** Delivers from the outboxes of the fleet while this collector leads, and always from its own. */
const startDeliveries = (options: DecidingOptions, leading: () => boolean, own: Outbox): Delivering[] => {
  const { redis, prefix, alerts, webhook, now, logger } = options
  const outboxOf = (name: string): Outbox => redisOutbox(redis, alertKey(prefix, name))
  const shared = { now, logger, may: leading }
  const toKafka = startDelivering({
    ...shared,
    target: 'kafka',
    outbox: outboxOf('to-kafka'),
    send: async (event) => {
      await alerts.send(0, [{ key: alertId(event.rule, event.subject), value: JSON.stringify(event) }])
      return 'delivered'
    },
  })
  if (webhook === null) return [toKafka]
  const send = (event: AlertEvent) => postAlert(webhook, event, prefix, now())
  return [
    toKafka,
    startDelivering({ ...shared, target: 'webhook', outbox: outboxOf('to-webhook'), send }),
    // Alerts about this collector must leave without Redis and without the lease.
    startDelivering({ ...shared, may: () => true, target: 'webhook', outbox: own, send }),
  ]
}

/** Watches this collector's own Kafka and Redis every second; `report` receives the alerts about them. */
const startSelfWatch = (options: DecidingOptions, report: (event: AlertEvent) => void) => {
  const { self, factor, up, now, steady, why, logger } = options
  const selfWatch = createSelfWatch(self, factor)
  const timer = setInterval(() => {
    for (const event of selfWatch.look(up(), now(), steady(), why?.())) {
      const { type, rule, subject, summary } = event
      logger(type === 'alert.raised' ? 'error' : 'info', type, { rule, subject, summary })
      report(event)
    }
  }, 1_000).unref()
  return {
    active: (): AlertStatus[] =>
      selfWatch.active().map(({ rule, subject, summary, value, baseline, since }) => {
        const severity = severityOf(rule)
        return { rule, subject, severity, summary, value, baseline, since, clearedAt: null }
      }),
    stop: () => clearInterval(timer),
  }
}

/**
 * The alerts of a fleet. One collector at a time holds a lease and decides. Redis takes its decisions and the book of alerts
 * in one write, and refuses them if another collector took the lease or wrote first: a fail-over raises no alert twice,
 * loses none, and clears none that the new holder has not examined.
 */
export const startDeciding = (options: DecidingOptions): Deciding => {
  const { redis, prefix, state, lagMs, able, webhook, factor, now, steady, logger } = options
  const { watching = createWatching(now, steady) } = options
  const owner = randomUUID()
  const leaseKey = alertKey(prefix, 'lease')
  const outboxes = webhook === null ? ['to-kafka'] : ['to-kafka', 'to-webhook']
  const shared = createSharedBook({ redis, prefix, owner, outboxes, logger })
  const baseline = createBaseline(state, factor)
  const ownOutbox = openOutbox()
  let findings: readonly Finding[] = []
  let leading = false
  const delivering = startDeliveries(options, () => leading, ownOutbox)
  const wake = (): void => {
    for (const one of delivering) one.wake()
  }
  const selfWatch = startSelfWatch(options, (event) => {
    ownOutbox.add(event)
    wake()
  })

  const release = async (): Promise<void> => {
    leading = false
    watching.end()
    await scripts.release(redis, [leaseKey], [owner]).catch(() => {})
  }
  const lead = async (): Promise<void> => {
    if (!able()) return leading ? release() : undefined
    const ours = (await scripts.lease(redis, [leaseKey], [owner, leaseMs])) === 1
    if (ours && !leading) watching.begin()
    leading = ours
  }
  const look = async (): Promise<void> => {
    const looked = watching.look()
    const raised = (rule: string, subject: string) => shared.book.active.get(alertId(rule, subject))
    findings = examine({ ...looked, state, lagMs: lagMs(), factor, baseline, raised })
    if (!leading) return
    // While the state is behind, only the lag is certain: the windows of the other rules are not folded yet.
    const behind = lagMs() > freshMs * factor
    const judged = ({ rule }: { readonly rule: string }): boolean => !behind || rule === 'collector-lag'
    const active = new Map([...shared.book.active].filter(([, alert]) => judged(alert)))
    const events = decide(findings.filter(judged), active, looked.now, holdMs * factor)
    if (events.length > 0 && (await shared.write(events))) wake()
  }

  return {
    refresh: async () => {
      await lead()
      await shared.read()
      await look()
    },
    list: () => [...selfWatch.active(), ...shared.book.list(findings)],
    active: () => [...selfWatch.active(), ...shared.book.active.values()],
    raisedTotal: () => shared.book.raisedTotal,
    stop: async () => {
      selfWatch.stop()
      for (const one of delivering) one.stop()
      if (leading) await release()
    },
  }
}
