import type { RuleName } from '../../alerts/rules/rules.ts'
import type { AlertStatus, Status } from '../../read/status.ts'
import { amount, count, duration, ms, when } from './format.ts'
import { h, type Piece } from './piece.ts'
import { mark } from './table.ts'
import { activeAlerts, firstSentence } from './verdict.ts'

const clearedShown = 4

/** How to show the value of a rule, and whether it has a usual value to compare with. */
type Measure = { show: (value: number) => string; usual: boolean }
const measure = (show: (value: number) => string, usual = false): Measure => ({ show, usual })
const percent = (value: number) => `${amount(value)}\u00a0%`
const seconds = (value: number) => `${count(value)}\u00a0s`

const measures: Record<RuleName, Measure> = {
  'connection-drops': measure(percent, true),
  'stalled-sessions': measure(percent, true),
  'datacenter-down': measure((value) => `${count(value)} failed tries`),
  'upstream-down': measure((value) => `${count(value)} failed tries`),
  'datacenter-slow': measure(ms, true),
  'middle-proxies-away': measure((value) => `${count(value)} failed tries`),
  'rejection-storm': measure((value) => `${count(value)} a minute`, true),
  'replay-unclaimed': measure((value) => `${count(value)} handshakes`),
  'signed-refused': measure((value) => `${count(value)} hellos`),
  replays: measure(count),
  'clock-skew': measure(seconds),
  'limit-reached': measure((value) => `${count(value)} refused`),
  'quota-reached': measure((value) => `${count(value)} refused`),
  'event-loop': measure(ms),
  'host-cpu': measure(percent),
  'file-descriptors': measure(percent),
  'node-silent': measure(seconds),
  'internal-error': measure((value) => `${count(value)} errors`),
  'users-unreadable': measure(seconds),
  'list-stale': measure((value) => `${count(value)} sources`),
  'thread-died': measure((value) => `${count(value)} threads`),
  'events-lost': measure((value) => `${count(value)} lost`),
  'names-refused': measure((value) => `${count(value)} events`),
  'dead-letters': measure((value) => `${count(value)} messages`),
  'topic-replaced': measure((value) => `${count(value)} partitions`),
  'kafka-lost': measure(seconds),
  'redis-lost': measure(seconds),
  'collector-lag': measure(seconds),
}

const measured = ({ rule, value, baseline }: AlertStatus): string => {
  const { show, usual } = measures[rule as RuleName] ?? measure(amount, true)
  return usual ? `${show(value)}, usually ${show(baseline)}` : show(value)
}

/** Active alerts, the oldest first, then recently cleared ones. */
export const alertsSection = (status: Status): Piece[] => {
  const active = activeAlerts(status).toSorted((a, b) => a.since - b.since)
  const cleared = status.alerts
    .filter((alert) => alert.clearedAt !== null)
    .toSorted((a, b) => Number(b.clearedAt) - Number(a.clearedAt))
  return [
    active.length === 0
      ? h('p', { class: 'none' }, 'No alert is active.')
      : h('ul', { class: 'alerts active' }, ...active.map((alert) => raised(alert, status.at))),
    ...(cleared.length === 0 ? [] : [history(cleared, status.at)]),
  ]
}

const raised = (alert: AlertStatus, now: number): Piece =>
  h(
    'li',
    {},
    alert.severity === 'critical' ? mark('down', 'critical') : mark('slow', 'warning'),
    h(
      'div',
      {},
      h(
        'p',
        {},
        h('b', {}, firstSentence(alert.summary)),
        alert.summary.slice(firstSentence(alert.summary).length),
      ),
      h(
        'p',
        { class: 'fine' },
        `since ${when(alert.since, now)}, ${duration(now - alert.since)} · now `,
        h('b', {}, measured(alert)),
        ' · ',
        h('code', {}, `${alert.rule}: ${alert.subject}`),
      ),
    ),
  )

const history = (cleared: readonly AlertStatus[], now: number): Piece => {
  const older = cleared.length - clearedShown
  return h(
    'div',
    { class: 'cleared' },
    h('h3', {}, 'Recently cleared'),
    h('ul', { class: 'alerts' }, ...cleared.slice(0, clearedShown).map((alert) => over(alert, now))),
    older > 0 ? h('p', { class: 'fine' }, `${count(older)} older ones: /api/alerts`) : null,
  )
}

const over = ({ summary, since, clearedAt }: AlertStatus, now: number): Piece => {
  const until = clearedAt ?? now
  const span = `${when(since, now)} to ${when(until, now)}, ${duration(until - since)}`
  return h('li', {}, mark('up', 'cleared'), h('p', {}, summary, ' ', h('span', { class: 'fine' }, span)))
}
