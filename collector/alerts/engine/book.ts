import type { AlertEvent } from '../../../proxy/events/contract.ts'
import type { Logger } from '../../../proxy/logger/logger.ts'
import type { AlertStatus } from '../../read/status.ts'
import { alertId, type Finding } from '../rules/finding.ts'
import { severityOf } from '../rules/rules.ts'
import type { Active } from './decide.ts'

/** How many alerts the book keeps; it keeps every active one. */
const mostEntries = 200

type Entry = Omit<AlertStatus, 'severity'> & {
  /** When the alert was raised; `since` is when the trouble began. */
  readonly raisedAt: number
}

export type AlertBook = {
  readonly active: Active
  /** How often each rule has raised an alert. */
  readonly raisedTotal: ReadonlyMap<string, number>
  /** Logs the event and stores it, so that a restart neither raises the alert again nor forgets it. */
  deliver(event: AlertEvent): void
  /** Active alerts, the oldest first, with their present findings; then cleared ones, the newest first. */
  list(findings: readonly Finding[]): AlertStatus[]
}

type Stored = {
  readonly version: 1
  readonly raised: Record<string, number>
  readonly entries: readonly Entry[]
}

const isEntry = (value: unknown): value is Entry =>
  typeof value === 'object' &&
  value !== null &&
  ['rule', 'subject', 'summary'].every((name) => typeof Reflect.get(value, name) === 'string') &&
  ['value', 'baseline', 'since', 'raisedAt'].every((name) => Number.isFinite(Reflect.get(value, name))) &&
  (Reflect.get(value, 'clearedAt') === null || Number.isFinite(Reflect.get(value, 'clearedAt')))

const read = (text: string): Stored | null => {
  try {
    const { version, raised, entries } = JSON.parse(text) as Partial<Stored>
    if (version !== 1 || typeof raised !== 'object' || !Array.isArray(entries)) return null
    return entries.every(isEntry) ? { version, raised, entries } : null
  } catch {
    return null // the caller logs it
  }
}

/** The alerts of an appliance or a fleet. `keep` stores the book as text; `saved` is the text stored last, if any. */
export const openAlertBook = (
  saved: string | null,
  keep: (text: string) => void,
  logger: Logger,
): AlertBook => {
  const stored = saved === null ? null : read(saved)
  if (saved !== null && stored === null)
    logger('warn', 'alerts-unreadable', { hint: 'stored alerts are forgotten' })
  let entries: Entry[] = [...(stored?.entries ?? [])]
  const raisedTotal = new Map(Object.entries(stored?.raised ?? {}))
  const active = new Map(
    entries.filter(isActive).map((entry) => [alertId(entry.rule, entry.subject), raisedOf(entry)]),
  )

  const evolve = (event: AlertEvent): void => {
    const { rule, subject, value, baseline, since, summary, at } = event
    const id = alertId(rule, subject)
    switch (event.type) {
      case 'alert.raised': {
        const entry = { rule, subject, summary, value, baseline, since, clearedAt: null, raisedAt: at }
        entries.push(entry)
        active.set(id, raisedOf(entry))
        raisedTotal.set(rule, (raisedTotal.get(rule) ?? 0) + 1)
        break
      }
      case 'alert.cleared':
        active.delete(id)
        entries = entries.map((entry) =>
          isActive(entry) && alertId(entry.rule, entry.subject) === id
            ? { ...entry, value, summary, clearedAt: at }
            : entry,
        )
        break
    }
    const surplus = entries.length - mostEntries
    let dropped = 0
    if (surplus > 0) entries = entries.filter((entry) => isActive(entry) || ++dropped > surplus)
  }

  return {
    active,
    raisedTotal,
    deliver(event) {
      evolve(event)
      keep(JSON.stringify({ version: 1, raised: Object.fromEntries(raisedTotal), entries } satisfies Stored))
      const { rule, subject, value, baseline, summary } = event
      const raised = event.type === 'alert.raised'
      const level = !raised ? 'info' : severityOf(rule) === 'critical' ? 'error' : 'warn'
      logger(level, event.type, { rule, subject, value, baseline, summary })
    },
    list(findings) {
      const now = new Map(findings.map((finding) => [alertId(finding.rule, finding.subject), finding]))
      const up = entries.filter(isActive).sort((a, b) => a.since - b.since)
      const cleared = entries
        .filter((entry) => !isActive(entry))
        .sort((a, b) => Number(b.clearedAt) - Number(a.clearedAt))
      return [...up, ...cleared].map(({ raisedAt: _, ...alert }) => {
        const finding = alert.clearedAt === null ? now.get(alertId(alert.rule, alert.subject)) : undefined
        const severity = severityOf(alert.rule)
        if (finding === undefined) return { ...alert, severity }
        // Between the two limits the summary of the raise still applies.
        const summary = finding.verdict === 'bad' ? finding.summary() : alert.summary
        return { ...alert, severity, value: finding.value, summary }
      })
    },
  }
}

const isActive = (entry: Entry): boolean => entry.clearedAt === null

const raisedOf = ({ rule, subject, raisedAt, since, baseline }: Entry) => ({
  rule,
  subject,
  at: raisedAt,
  since,
  baseline,
})
