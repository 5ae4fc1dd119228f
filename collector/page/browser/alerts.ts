import type { AlertStatus, Status } from '../../status.ts'
import { amount, duration, when } from './format.ts'
import { h, type Piece } from './piece.ts'
import { mark } from './table.ts'
import { activeAlerts } from './verdict.ts'

const clearedShown = 8

/** What is wrong now, longest first, and what was wrong lately. */
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
    mark('down', 'active'),
    h(
      'div',
      {},
      h('p', { class: 'summary' }, alert.summary),
      h(
        'p',
        { class: 'fine' },
        `since ${when(alert.since, now)}, ${duration(now - alert.since)} · now `,
        h('b', {}, amount(alert.value)),
        `, normally ${amount(alert.baseline)} · `,
        h('code', {}, `${alert.rule} ${alert.subject}`.trim()),
      ),
    ),
  )

const history = (cleared: readonly AlertStatus[], now: number): Piece =>
  h(
    'div',
    { class: 'cleared' },
    h('h3', {}, 'Recently cleared'),
    h(
      'ul',
      { class: 'alerts' },
      ...cleared
        .slice(0, clearedShown)
        .map((alert) =>
          h(
            'li',
            {},
            mark('up', 'cleared'),
            h(
              'div',
              {},
              h('p', {}, alert.summary),
              h(
                'p',
                { class: 'fine' },
                `${when(alert.since, now)} to ${when(alert.clearedAt ?? now, now)}, ${duration((alert.clearedAt ?? now) - alert.since)}`,
              ),
            ),
          ),
        ),
    ),
  )
