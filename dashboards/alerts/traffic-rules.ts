import { rules } from '../../collector/alerts/rules/rules.ts'
import { clientPhases, orderlyReasons, stallPhases } from '../../proxy/events/outcome.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type AlertGroup, duration } from './rule.ts'

const dropRule = rules['connection-drops']
const stallRule = rules['stalled-sessions']
const limitRule = rules['limit-reached']

const ended = `phase=~"${clientPhases.join('|')}"`
const drop = `${ended},reason!~"${orderlyReasons.join('|')}"`
const stall = `phase=~"${stallPhases.join('|')}",reason="stalled"`
/** `window` is of the form `[5m]`, an `offset` after it. */
const closed = (where: string, window: string): string =>
  `sum by (dc) (increase(${p.connectionsClosed.name}{${where}}${window}))`
const shareOfEnded = (where: string, window: string): string =>
  `${closed(where, window)} / ${closed(ended, window)}`
const dropWindow = duration(dropRule.windowMs)
/** The share of drops of the day before the window: what happens now is not yet the usual. */
const usualDrops = `(${shareOfEnded(drop, `[1d] offset ${dropWindow}`)})`
const drops = shareOfEnded(drop, `[${dropWindow}]`)
const stallWindow = `[${duration(stallRule.windowMs)}]`

/** Strangers have half of the places, so that users have the other: that they are refused harms nobody. */
const refusedIn = (window: string): string =>
  `sum by (instance, limit) (increase(${p.limitRefused.name}{limit!="strangers"}${window}))`
const refusedWindow = duration(limitRule.windowMs)
const refused = refusedIn(`[${refusedWindow}]`)
/** Twice the collector's `goesOnMs`. */
const latelyMs = 2 * limitRule.goesOnMs
/** Lately and before that: a burst is never in both. */
const goesOn = `(${refusedIn(`[${duration(latelyMs)}]`)} > 0) and (${refusedIn(`[${duration(limitRule.windowMs - latelyMs)}] offset ${duration(latelyMs)}`)} > 0)`
const came = `sum by (instance) (increase(${p.connectionsAccepted.name}[${refusedWindow}]))`

export const traffic: AlertGroup = {
  name: 'mtscope-traffic',
  rules: [
    {
      alert: 'MtscopeConnectionDrops',
      rule: 'connection-drops',
      severity: rules['connection-drops'].severity,
      // Three times the usual, but half of the way to everything where a lot is usual; where nothing is known, 0 is.
      expr: [
        `(${drops} > ${dropRule.raise})`,
        `and (${closed(drop, `[${dropWindow}]`)} >= ${dropRule.least})`,
        `unless ((${drops} <= ${dropRule.times} * ${usualDrops}) and (${drops} <= (1 + ${usualDrops}) / 2))`,
      ].join('\n'),
      for: '1m',
      summary: '{{ $value | humanizePercentage }} of the sessions to datacenter {{ $labels.dc }} are dropped',
      description:
        'More than a quarter, and three times the usual. The close causes on the overview say who ends them, in which phase and why.',
    },
    {
      alert: 'MtscopeStalledSessions',
      rule: 'stalled-sessions',
      severity: rules['stalled-sessions'].severity,
      expr: `(${shareOfEnded(stall, stallWindow)} > ${stallRule.raise})\nand (${closed(stall, stallWindow)} >= ${stallRule.least})`,
      for: '1m',
      summary: '{{ $value | humanizePercentage }} of the sessions to datacenter {{ $labels.dc }} stall',
      description: 'The client sent and nothing came down: people see endless connecting.',
    },
    {
      alert: 'MtscopeLimitReached',
      rule: 'limit-reached',
      severity: 'warning',
      // The last refusal is seen for five minutes: longer means that there was another.
      expr: `${refused} > 0`,
      for: '6m',
      summary: '{{ $labels.instance }} refuses connections now and again: {{ $labels.limit }}',
      description:
        'A limit is reached at times and some clients are turned away at the door. Raise MAX_CONNECTIONS, MAX_HANDSHAKES or the limit of open files, or add a node.',
    },
    {
      alert: 'MtscopeClientsRefused',
      rule: 'limit-reached',
      severity: rules['limit-reached'].severity,
      // Thirty in five minutes may be one client that tries again: only as a part of all who come it says that it is full.
      expr: `((${refused} >= ${limitRule.least}) and ${goesOn})\nunless (${refused} <= on (instance) group_left ${limitRule.share} * ${came})`,
      for: '1m',
      summary:
        '{{ $labels.instance }} is full: {{ $value | humanize }} clients refused in five minutes ({{ $labels.limit }})',
      description:
        'More than one in twenty is turned away at the door, and it goes on. Raise MAX_CONNECTIONS, MAX_HANDSHAKES or the limit of open files, or add a node.',
    },
  ],
}
