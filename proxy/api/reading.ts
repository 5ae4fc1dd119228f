import type { Endpoint, Schema } from './endpoint.ts'
import { list, map, moment, number, object, oneOf, orNull, text, whole, yesOrNo } from './schema.ts'

/** What the collector answers, as at `/api/status` and `/api/alerts`. */
export type ReadingPort = { readonly status: () => unknown; readonly alerts: () => unknown }

const alert = object({
  rule: text('Name of the rule; the runbook has a section for each'),
  subject: text('What the alert is about: a node, a datacenter, a partition'),
  severity: oneOf('How bad it is', ['warning', 'critical']),
  summary: text('What, where, since when, and what to do'),
  value: number('The value that the rule looks at'),
  baseline: number('Its usual value'),
  since: moment('When the alert was raised'),
  clearedAt: orNull(moment('When it was cleared; null while it is active')),
})

const traffic = {
  connections: whole('Accepted connections'),
  bytesToClient: whole('Bytes to clients'),
  bytesToDatacenter: whole('Bytes to datacenters'),
}

const quantiles = object({
  count: whole('Number of measurements'),
  p50: orNull(number('Median, ms')),
  p95: orNull(number('95th percentile, ms')),
  p99: orNull(number('99th percentile, ms')),
})

const node = object({
  node: text('Its name'),
  boot: text('Its run; new at every start'),
  startedAt: moment('When it started'),
  lastSeenAt: moment('Its last event'),
  processCpu: number('Share of all cores, 0 to 1'),
  rssBytes: whole('Resident memory, bytes'),
  openFds: whole('Open file descriptors'),
})

const datacenter = object({
  dc: whole('Number of the datacenter'),
  media: yesOrNo('Whether the address serves files'),
  family: oneOf('Address family', ['ipv4', 'ipv6']),
  address: text('host:port'),
  state: oneOf('As clients see it', ['up', 'slow', 'down', 'unknown']),
  resPqMs: orNull(number('Last probe: req_pq_multi to resPQ, ms')),
  error: orNull(text('Why the last probe failed')),
  open: whole('Open connections'),
  dialFailures: whole('Failed dials since the beginning'),
})

const middleProxy = object({
  dc: whole('Number of the datacenter that they serve'),
  media: yesOrNo('Whether they serve its files'),
  family: oneOf('Address family', ['ipv4', 'ipv6']),
  address: text('host:port of the one that answers fastest'),
  state: oneOf('Whether one answered its last probe', ['up', 'down']),
  pingMs: orNull(number('Last probe: ping to pong, ms')),
  error: orNull(text('Why the last probe failed')),
  probedAt: moment('The last probe'),
  through: whole('Clients of the datacenter that went through its middle proxies, since the beginning'),
  around: whole('Clients of the datacenter that went around them, since the beginning'),
})

const middleProxyDocument = object({
  node: text('The node that has it'),
  document: oneOf('Lists of IPv4 and IPv6 addresses, and the secret', ['config', 'config-v6', 'secret']),
  entries: whole('Addresses in use; of the secret 0 or 1'),
  fetchedAt: orNull(moment('When it was downloaded')),
  error: orNull(text('Why the last download is not in use')),
})

const upstream = object({
  node: text('The node whose upstream it is'),
  upstream: text('Its name, as socks5-1'),
  state: oneOf('Whether it reaches datacenters; unknown after its first try, if that failed', [
    'up',
    'down',
    'unknown',
  ]),
  workedAt: orNull(moment('When a dial or probe through it last reached a datacenter')),
  error: orNull(text('Why the last one that failed did')),
  connections: whole('Connections that took it, since the beginning'),
  failures: whole('Dials and probes that failed, since the beginning'),
})

const user = object({
  user: text('Name'),
  open: whole('Open connections'),
  today: object(traffic, 'UTC day'),
  month: object(traffic, 'UTC month'),
  total: object(traffic),
  refusedToday: map(whole('Refused handshakes'), 'Refused handshakes of the UTC day, by reason'),
  lastSeenAt: moment('Last event of the user; 0: never'),
})

const counted = (properties: Readonly<Record<string, Schema>>): Schema =>
  object({ ...properties, total: whole('Since the beginning'), lastHour: whole('In the last hour') })

const statusSchema = object({
  at: moment('When the answer was made'),
  version: text('Version of mtscope'),
  nodes: list(node),
  open: object({
    total: whole('Open connections'),
    byMode: map(whole('Open connections'), 'By mode: classic, secure, tls'),
    byDc: map(whole('Open connections'), 'By datacenter'),
  }),
  totals: object({
    ...traffic,
    today: object(traffic),
    month: object(traffic),
    since: moment('First event'),
  }),
  series: object(
    { stepMs: whole('Distance of two values, ms'), at: list(moment('Start of a step')) },
    'Columns of equal length, oldest first: the last hour',
  ),
  latency: map(quantiles, 'Quantiles of the last hour'),
  datacenters: list(datacenter),
  upstreams: list(upstream),
  middleProxies: list(middleProxy),
  middleProxyDocuments: list(middleProxyDocument),
  closes: list(
    counted({
      by: text('The side that ended the connection'),
      phase: text('The phase in which it ended'),
      reason: text('Why it ended'),
      drop: yesOrNo('Whether it counts as a drop'),
    }),
  ),
  rejections: list(counted({ reason: text('Why a handshake was rejected') })),
  users: list(user),
  alerts: list(alert),
  events: object({
    folded: whole('Folded events'),
    lost: map(whole('Events'), 'Lost events by reason'),
    lagMs: number('Age of the oldest event that is not folded, ms'),
  }),
})

export const readingEndpoints: readonly Endpoint<ReadingPort>[] = [
  {
    id: 'getStatus',
    method: 'GET',
    path: '/status',
    tag: 'Status',
    summary: 'Everything that the status page shows',
    open: true,
    success: { status: 200, doc: 'The status', schema: statusSchema },
    act: ({ status }) => ({ status: 200, value: status() }),
  },
  {
    id: 'listAlerts',
    method: 'GET',
    path: '/alerts',
    tag: 'Status',
    summary: 'Active alerts, then the last ones that were cleared',
    open: true,
    success: { status: 200, doc: 'The alerts', schema: list(alert) },
    act: ({ alerts }) => ({ status: 200, value: alerts() }),
  },
]
