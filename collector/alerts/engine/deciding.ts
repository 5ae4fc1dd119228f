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
import { postAlert, type WebhookConfig } from '../delivery/webhook.ts'
import { createBaseline } from '../rules/baseline.ts'
import { alertId, type Finding } from '../rules/finding.ts'
import { holdMs, severityOf } from '../rules/rules.ts'
import { openAlertBook } from './book.ts'
import { decide } from './decide.ts'
import { examine } from './examine.ts'
import { createSelfWatch, type Whys } from './self-watch.ts'
import { createWatching, type Watching } from './watching.ts'

export type Deciding = {
  /** Looks at the rules once, if this collector is the one that decides; call it when the state was refreshed. */
  refresh(): Promise<void>
  list(): AlertStatus[]
  active(): { readonly rule: string; readonly subject: string }[]
  raisedTotal(): ReadonlyMap<string, number>
  /** Hands the lease over. */
  stop(): Promise<void>
}

const leaseMs = 5_000
const mostWaiting = 1_000
/** Facts older than this are no news: while they are being folded the rules would judge yesterday as today. */
const newsMs = 30_000
const silent: Logger = () => {}
const scripts = { lease: script('lease'), release: script('release'), alert: script('alert') }

/**
 * Alerts of a fleet. One collector at a time holds a lease and decides; what it decided is written in one stroke with the
 * book of alerts, and refused when somebody else holds the lease or has written the book since: a fail-over raises nothing
 * twice, loses nothing, and clears nothing that it has not looked at.
 */
export const startDeciding = (options: {
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
  /** Why it is not. */
  readonly why?: () => Whys
  readonly factor: number
  readonly now: () => number
  /** Ms, of a clock that is never set. */
  readonly steady: () => number
  readonly watching?: Watching
  readonly logger: Logger
}): Deciding => {
  const { redis, prefix, state, lagMs, able, alerts, webhook, self, factor, now, steady, logger } = options
  const owner = randomUUID()
  const keyOf = (name: string): string => alertKey(prefix, name)
  const boxes = webhook === null ? ['to-kafka'] : ['to-kafka', 'to-webhook']
  const baseline = createBaseline(state, factor)
  const selfWatch = createSelfWatch(self, factor)
  let text: string | null = null
  let version = '0'
  let book = openAlertBook(null, () => {}, silent)
  let findings: readonly Finding[] = []
  let leading = false
  const { watching = createWatching(now, steady) } = options

  const outboxOf = (name: string): Outbox => ({
    first: async () => {
      const found = await redis.lindex(keyOf(name), 0)
      return found === null ? null : (JSON.parse(found) as AlertEvent)
    },
    remove: async (event) => {
      await redis.lrem(keyOf(name), 1, JSON.stringify(event))
    },
  })
  const to = { now, logger, may: () => leading }
  const post = async (event: AlertEvent) => postAlert(webhook!, event, prefix, now())
  const delivering: Delivering[] = [
    startDelivering({
      ...to,
      target: 'kafka',
      outbox: outboxOf('to-kafka'),
      send: async (event) => {
        await alerts.send(0, [{ key: alertId(event.rule, event.subject), value: JSON.stringify(event) }])
        return 'delivered'
      },
    }),
  ]
  const ownOutbox = openOutbox()
  if (webhook !== null) {
    delivering.push(startDelivering({ ...to, target: 'webhook', outbox: outboxOf('to-webhook'), send: post }))
    // Of what this collector finds of itself: it must be told without Redis.
    delivering.push(
      startDelivering({ ...to, may: () => true, target: 'webhook', outbox: ownOutbox, send: post }),
    )
  }

  const readBook = async (): Promise<void> => {
    const [stands, found] = await redis.hmget(keyOf('book'), 'version', 'text')
    if ((stands ?? '0') === version) return
    version = stands ?? '0'
    text = found ?? null
    book = openAlertBook(text, () => {}, silent)
  }

  /** Raises and clears; false when somebody else has written meanwhile. */
  const write = async (events: readonly AlertEvent[]): Promise<boolean> => {
    let kept = ''
    const lines: Parameters<Logger>[] = []
    const next = openAlertBook(
      text,
      (is) => {
        kept = is
      },
      (...line) => lines.push(line),
    )
    for (const event of events) next.deliver(event)
    const keys = ['lease', 'book', ...boxes].map(keyOf)
    const reported = events.map((event) => JSON.stringify(event))
    const args = [owner, version, kept, mostWaiting, `${prefix}:alerts`, ...reported]
    if ((await scripts.alert(redis, keys, args)) !== 1) return false
    book = next
    text = kept
    version = String(Number(version) + 1)
    for (const line of lines) logger(...line)
    for (const one of delivering) one.wake()
    return true
  }

  const look = async (): Promise<void> => {
    const looked = watching.look()
    findings = examine({
      ...looked,
      state,
      lagMs: lagMs(),
      factor,
      baseline,
      raised: (rule, subject) => book.active.get(alertId(rule, subject)),
    })
    if (!leading) return
    // Behind, only that is certain: what the rules say of windows that are not folded yet is nothing.
    const behind = lagMs() > newsMs * factor
    const judged = (rule: string): boolean => !behind || rule === 'collector-lag'
    const active = new Map([...book.active].filter(([, { rule }]) => judged(rule)))
    const events = decide(
      findings.filter(({ rule }) => judged(rule)),
      active,
      looked.now,
      holdMs * factor,
    )
    if (events.length > 0) await write(events)
  }

  const lead = async (): Promise<void> => {
    if (!able()) {
      if (leading) await release()
      return
    }
    const ours = (await scripts.lease(redis, [keyOf('lease')], [owner, leaseMs])) === 1
    if (ours && !leading) watching.begin()
    leading = ours
  }
  const release = async (): Promise<void> => {
    leading = false
    watching.end()
    await scripts.release(redis, [keyOf('lease')], [owner]).catch(() => {})
  }

  const watchSelf = (): void => {
    for (const event of selfWatch.look(options.up(), now(), steady(), options.why?.())) {
      const raised = event.type === 'alert.raised'
      logger(raised ? 'error' : 'info', event.type, {
        rule: event.rule,
        subject: event.subject,
        summary: event.summary,
      })
      ownOutbox.add(event)
      for (const one of delivering) one.wake()
    }
  }
  const looking = setInterval(watchSelf, 1_000).unref()

  const own = (): AlertStatus[] =>
    selfWatch.active().map(({ rule, subject, summary, value, baseline, since }) => ({
      rule,
      subject,
      severity: severityOf(rule),
      summary,
      value,
      baseline,
      since,
      clearedAt: null,
    }))

  return {
    refresh: async () => {
      await lead()
      await readBook()
      await look()
    },
    list: () => [...own(), ...book.list(findings)],
    active: () => [...own(), ...book.active.values()],
    raisedTotal: () => book.raisedTotal,
    stop: async () => {
      clearInterval(looking)
      for (const one of delivering) one.stop()
      if (leading) await release()
    },
  }
}
