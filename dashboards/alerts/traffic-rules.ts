import { rules } from '../../collector/alerts/rules/rules.ts'
import { metrics as c } from '../../collector/read/metrics.ts'
import { clientPhases, limitsWithoutAlert, orderlyReasons, stallPhases } from '../../proxy/events/outcome.ts'
import { metrics as p } from '../../proxy/telemetry/catalogue/catalogue.ts'
import { type AlertGroup, duration } from './rule.ts'

const dropRule = rules['connection-drops']
const stallRule = rules['stalled-sessions']
const limitRule = rules['limit-reached']

const ended = `phase=~"${clientPhases.join('|')}"`
const drop = `${ended},reason!~"${orderlyReasons.join('|')}"`
const stall = `phase=~"${stallPhases.join('|')}",reason="stalled"`
/** `window` is a range selector such as `[5m]`, with an `offset` if needed. */
const closed = (where: string, window: string): string =>
  `sum by (dc) (increase(${p.connectionsClosed.name}{${where}}${window}))`
const shareOfEnded = (where: string, window: string): string =>
  `${closed(where, window)} / ${closed(ended, window)}`
const dropWindow = duration(dropRule.windowMs)
/** The share of drops of the day before the window: what happens now is not yet the usual. */
const usualDrops = `(${shareOfEnded(drop, `[1d] offset ${dropWindow}`)})`
const drops = shareOfEnded(drop, `[${dropWindow}]`)
const stallWindow = `[${duration(stallRule.windowMs)}]`

const refusedIn = (window: string): string =>
  `sum by (instance, limit) (increase(${p.limitRefused.name}{limit!~"${limitsWithoutAlert.join('|')}"}${window}))`
const refusedWindow = duration(limitRule.windowMs)
const refused = refusedIn(`[${refusedWindow}]`)
/** Twice the collector's `goesOnMs`. */
const latelyMs = 2 * limitRule.goesOnMs
/** Refusals within the last minutes and before them: a burst is never in both. */
const goesOn = `(${refusedIn(`[${duration(latelyMs)}]`)} > 0) and (${refusedIn(`[${duration(limitRule.windowMs - latelyMs)}] offset ${duration(latelyMs)}`)} > 0)`
const accepted = `sum by (instance) (increase(${p.connectionsAccepted.name}[${refusedWindow}]))`

export const traffic: AlertGroup = {
  name: 'mtscope-traffic',
  rules: [
    {
      alert: 'MtscopeConnectionDrops',
      rule: 'connection-drops',
      severity: rules['connection-drops'].severity,
      // A multiple of the usual, at most half of the way to 100 % where the usual is high. Without history the usual is 0.
      expr: [
        `(${drops} > ${dropRule.raise})`,
        `and (${closed(drop, `[${dropWindow}]`)} >= ${dropRule.least})`,
        `unless ((${drops} <= ${dropRule.times} * ${usualDrops}) and (${drops} <= (1 + ${usualDrops}) / 2))`,
      ].join('\n'),
      for: '1m',
      summary: `{{ $value | humanizePercentage }} of the connections to datacenter {{ $labels.dc }} that ended in the last ${dropWindow} were dropped`,
      description: `More than ${100 * dropRule.raise} %, and more than ${dropRule.times} times the usual: these users were cut off. The panel Connection close causes of the dashboard Overview shows the side, phase and reason; the runbook has the step for each.`,
    },
    {
      alert: 'MtscopeStalledSessions',
      rule: 'stalled-sessions',
      severity: rules['stalled-sessions'].severity,
      expr: `(${shareOfEnded(stall, stallWindow)} > ${stallRule.raise})\nand (${closed(stall, stallWindow)} >= ${stallRule.least})`,
      for: '1m',
      summary: `{{ $value | humanizePercentage }} of the connections to datacenter {{ $labels.dc }} that ended in the last ${duration(stallRule.windowMs)} stalled`,
      description: `More than ${100 * stallRule.raise} %: clients sent requests and got no answer, their apps show endless connecting. Compare with the probes on the dashboard Datacenters: if they are answered, the path is blocked for real traffic, or the datacenter is overloaded.`,
    },
    {
      alert: 'MtscopeLimitReached',
      rule: 'limit-reached',
      severity: 'warning',
      // One refusal counts for the length of the window: holding longer means that there was another.
      expr: `${refused} > 0`,
      for: '6m',
      summary: '{{ $labels.instance }} refuses connections now and again at the limit of {{ $labels.limit }}',
      description:
        'Some clients cannot connect. Raise MAX_CONNECTIONS, MAX_HANDSHAKES or the limit of open files, or add a node.',
    },
    {
      alert: 'MtscopeClientsRefused',
      rule: 'limit-reached',
      severity: rules['limit-reached'].severity,
      // The minimum alone may be one client that retries: only as a share of all connections it shows a full proxy.
      expr: `((${refused} >= ${limitRule.least}) and ${goesOn})\nunless (${refused} <= on (instance) group_left ${limitRule.share} * ${accepted})`,
      for: '1m',
      summary: `{{ $labels.instance }} is full: {{ $value | humanize }} connections were refused in the last ${refusedWindow} at the limit of {{ $labels.limit }}`,
      description: `More than ${100 * limitRule.share} % of the clients cannot connect, and it goes on. Raise MAX_CONNECTIONS, MAX_HANDSHAKES or the limit of open files, or add a node.`,
    },
    {
      alert: 'MtscopeQuotaReached',
      rule: 'quota-reached',
      severity: rules['quota-reached'].severity,
      // Every collector of a fleet exports the same counts.
      expr: `max by (user) (increase(${c.userRefused.name}{reason="quota"}[${duration(rules['quota-reached'].windowMs)}])) > 0`,
      for: '0m',
      summary:
        'The quota of user {{ $labels.user }} is used up: {{ $value | humanize }} connections were refused',
      description:
        'The apps of this user show connecting. Raise the quota if the traffic is right (mtscope users limit), or let it be: a day or month ends at midnight UTC.',
    },
  ],
}
