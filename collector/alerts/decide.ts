import type { AlertEvent } from '../../proxy/events/contract.ts'
import { alertId, type Finding, type Raised } from './finding.ts'

/** Alerts that are up, by `alertId`. */
export type Active = ReadonlyMap<string, Raised & { readonly rule: string; readonly subject: string }>

/** Not for longer than it can be: one from a clock that was ahead would stay up until that time. */
const isHeld = (raisedAt: number, now: number, holdMs: number): boolean =>
  raisedAt <= now && now - raisedAt < holdMs

/**
 * What changes now: raised where a rule finds something bad that is not up yet, cleared where it is good again or
 * not to be seen any more. An alert stays up for `holdMs` at least, so that something on the edge does not flap.
 */
export const decide = (
  findings: readonly Finding[],
  active: Active,
  now: number,
  holdMs: number,
): AlertEvent[] => {
  const events: AlertEvent[] = []
  const seen = new Set<string>()
  for (const finding of findings) {
    const { rule, subject, value, baseline, verdict } = finding
    const id = alertId(rule, subject)
    if (seen.has(id)) continue
    seen.add(id)
    const raised = active.get(id)
    if (raised === undefined && verdict === 'bad') {
      const since = Math.min(now, finding.since ?? now)
      const summary = finding.summary()
      events.push({ v: 1, type: 'alert.raised', at: now, rule, subject, value, baseline, since, summary })
    } else if (raised !== undefined && verdict === 'good' && !isHeld(raised.at, now, holdMs)) {
      const { since } = raised
      events.push({
        v: 1,
        type: 'alert.cleared',
        at: now,
        rule,
        subject,
        value,
        baseline,
        since,
        summary: finding.calm(),
      })
    }
  }
  for (const [id, { rule, subject, since, baseline, at }] of active) {
    if (seen.has(id) || isHeld(at, now, holdMs)) continue
    events.push({
      v: 1,
      type: 'alert.cleared',
      at: now,
      rule,
      subject,
      value: 0,
      baseline,
      since,
      summary: `Nothing more is seen of it: ${rule}, ${subject}.`,
    })
  }
  return events
}
