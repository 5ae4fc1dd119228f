import type { AlertEvent } from '../../../proxy/events/contract.ts'
import { alertId, type Finding, type Raised } from '../rules/finding.ts'

/** Active alerts, by `alertId`. */
export type Active = ReadonlyMap<string, Raised & { readonly rule: string; readonly subject: string }>

/** False for an alert from the future: one raised by a clock that was ahead would stay active until that time. */
const isHeld = (raisedAt: number, now: number, holdMs: number): boolean =>
  raisedAt <= now && now - raisedAt < holdMs

/** How many alerts of a rule are raised one by one: their subjects are names that come from outside. */
export const mostOfRule = 100
/** The subject of the one alert for all further subjects. */
export const moreOfRule = 'more'

const more = (rule: string, findings: readonly Finding[], now: number): AlertEvent => ({
  v: 1,
  type: 'alert.raised',
  at: now,
  rule,
  subject: moreOfRule,
  value: findings.reduce((most, { value }) => Math.max(most, value), 0),
  baseline: 0,
  since: now,
  summary:
    `${findings.length} more subjects of ${rule}: ${mostOfRule} alerts of the rule are active already, so these are not raised one by one. ` +
    'They share one fault, or their names are made up: check the first alerts, and which programs write to the topic.',
})

/**
 * The alerts to raise and to clear now. Clears an alert whose subject is good again or no longer found, but not before
 * `holdMs`, so that it does not flap. Beyond `mostOfRule` one alert stands for all further subjects of the rule.
 */
export const decide = (
  findings: readonly Finding[],
  active: Active,
  now: number,
  holdMs: number,
): AlertEvent[] => {
  const events: AlertEvent[] = []
  const seen = new Set<string>()
  const up = new Map<string, number>()
  const beyond = new Map<string, Finding[]>()
  for (const { rule } of active.values()) up.set(rule, (up.get(rule) ?? 0) + 1)
  for (const finding of findings) {
    const { rule, subject, value, baseline, verdict } = finding
    const id = alertId(rule, subject)
    if (seen.has(id)) continue
    seen.add(id)
    const raised = active.get(id)
    if (raised === undefined && verdict === 'bad') {
      const alike = up.get(rule) ?? 0
      if (alike >= mostOfRule) {
        const others = beyond.get(rule) ?? []
        beyond.set(rule, others)
        others.push(finding)
        continue
      }
      up.set(rule, alike + 1)
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
  for (const [rule, findings] of beyond) {
    const id = alertId(rule, moreOfRule)
    seen.add(id)
    if (!active.has(id)) events.push(more(rule, findings, now))
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
      summary: `${subject} is no longer observed (${rule}).`,
    })
  }
  return events
}
