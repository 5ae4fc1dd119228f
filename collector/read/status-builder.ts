import type { CloseReason, Mode, Phase, RejectReason, Side } from '../../proxy/events/contract.ts'
import { isDrop } from '../../proxy/events/outcome.ts'
import { lostBy } from '../fold/fold.ts'
import { connectionKeys as c } from '../fold/projections/connections.ts'
import { datacenterKeys as d } from '../fold/projections/datacenters.ts'
import { middleProxyKeys as m } from '../fold/projections/middle-proxies.ts'
import { processKeys as p } from '../fold/projections/processes.ts'
import { rejectionKeys as r } from '../fold/projections/rejections.ts'
import { replayKeys } from '../fold/projections/replays.ts'
import { bucketOf } from '../fold/retention.ts'
import type { Reading } from '../fold/state.ts'
import { documentsOf, middleRoutesOf } from './middle-proxies.ts'
import { type Node, nodeStatus, nodesOf, type Open, openOf } from './nodes.ts'
import { type RouteHealth, routeName, routesOf, triesOf } from './routes.ts'
import type {
  AlertStatus,
  DatacenterStatus,
  MiddleProxyStatus,
  Status,
  Traffic,
  UserStatus,
} from './status.ts'
import { hourQuantiles, hourSum, latencyOf, seriesOf } from './status-series.ts'
import { upstreamStatusOf } from './upstreams.ts'

/** `[rest of the key after the prefix, amount]` for the keys of all time. */
export const everWith = (state: Reading, prefix: string): [string, number][] => {
  const found: [string, number][] = []
  for (const [key, n] of state.bucket('ever', 0)) {
    if (key.startsWith(prefix)) found.push([key.slice(prefix.length), n])
  }
  return found
}

type CalendarSpan = 'ever' | 'month' | 'day'

const bucketAt = (span: CalendarSpan, now: number): number => (span === 'ever' ? 0 : bucketOf(span, now))

/** The traffic of the day or month (UTC) of `now`, or of all time; of all users or of one. */
export const trafficOf = (state: Reading, span: CalendarSpan, now: number, user?: string): Traffic => {
  const read = (key: string): number => state.count(span, bucketAt(span, now), key)
  return {
    connections: read(user === undefined ? c.sessions : c.sessionsOfUser(user)),
    bytesToClient: read(user === undefined ? c.toClient : c.toClientOfUser(user)),
    bytesToDatacenter: read(user === undefined ? c.toDatacenter : c.toDatacenterOfUser(user)),
  }
}

/** User → reason → refused handshakes of today. */
const refusedOf = (state: Reading, now: number): Map<string, Record<string, number>> => {
  const users = new Map<string, Record<string, number>>()
  const prefix = r.rejectedOf('')
  for (const [key, n] of state.bucket('day', bucketOf('day', now))) {
    if (!key.startsWith(prefix)) continue
    const [reason = '', ...name] = key.slice(prefix.length).split('/')
    const user = name.join('/')
    users.set(user, { ...users.get(user), [reason]: n })
  }
  return users
}

const usersOf = (state: Reading, open: Open, now: number): UserStatus[] => {
  const refused = refusedOf(state, now)
  const seen = new Map([...refused.keys()].map((user) => [user, 0]))
  for (const [key, { at }] of state.lasting) {
    if (key.startsWith(c.user(''))) seen.set(key.slice(c.user('').length), at)
  }
  return [...seen]
    .map(([user, at]) => ({
      user,
      open: open.byUser.get(user) ?? 0,
      today: trafficOf(state, 'day', now, user),
      month: trafficOf(state, 'month', now, user),
      total: trafficOf(state, 'ever', now, user),
      refusedToday: refused.get(user) ?? {},
      lastSeenAt: at,
    }))
    .sort((a, b) => (a.user < b.user ? -1 : 1))
}

const closesOf = (state: Reading, now: number): Status['closes'] => {
  const closes = new Map<string, Status['closes'][number]>()
  for (const [cause, n] of everWith(state, c.closed(''))) {
    // projections/connections.ts joins three closed unions.
    const [by, phase, reason] = cause.split('/') as [Side, Phase, CloseReason]
    const name = `${by}/${phase}/${reason}`
    const close = closes.get(name) ?? {
      by,
      phase,
      reason,
      total: 0,
      lastHour: 0,
      drop: isDrop(phase, reason),
    }
    close.total += n
    close.lastHour += hourSum(state, now, c.closed(cause))
    closes.set(name, close)
  }
  return [...closes.values()].sort((a, b) => b.total - a.total)
}

const stateOf = (
  state: Reading,
  route: RouteHealth,
  now: number,
  slow: boolean,
): DatacenterStatus['state'] => {
  if (!route.expected) return 'unknown'
  // One lost probe does not mean down; two without an answer between them do.
  const { failed } = triesOf(state, route, Math.max((route.workedAt ?? 0) + 1, now - 600_000), now)
  if (route.error !== null && failed >= (route.workedAt === null ? 1 : 2)) return 'down'
  if (route.workedAt === null) return 'unknown'
  return slow ? 'slow' : 'up'
}

const datacentersOf = (
  state: Reading,
  open: Open,
  slow: ReadonlySet<string>,
  now: number,
): DatacenterStatus[] => {
  const routes = routesOf(state)
  return routes.map((route) => {
    const { dc, media, family, probe } = route
    const { p50, p99 } = hourQuantiles(state, now, d.roundTripOn(route.key))
    return {
      dc,
      media,
      family,
      address: probe?.address ?? route.dialed ?? '',
      state: stateOf(state, route, now, slow.has(routeName(route))),
      tcpMs: probe?.tcpMs ?? null,
      resPqMs: probe?.resPqMs ?? null,
      resPqP50: p50,
      resPqP99: p99,
      error: route.expected ? route.error : `${family} does not work from this host`,
      probedAt: probe?.at ?? null,
      open: isDialedNow(state, route) ? openOn(open, dc, media) : 0,
      dialFailures: state.count('ever', 0, d.dialFailed(route.key)),
    }
  })
}

const openOn = (open: Open, dc: number, media: boolean): number => {
  let n = 0
  for (const [session, count] of open.bySession) {
    if (session.endsWith(`/${dc}/${media ? 'media' : 'main'}`)) n += count
  }
  return n
}

// A close has no family: the connections of a datacenter are shown where it was dialed last.
const isDialedNow = (state: Reading, { dc, media, family }: RouteHealth): boolean => {
  const at = (of: string): number =>
    state.recent.get(d.lastDial(`${dc}/${media ? 'media' : 'main'}/${of}`))?.at ?? 0
  const other = family === 'ipv4' ? 'ipv6' : 'ipv4'
  return at(family) > at(other) || (at(family) === at(other) && family === 'ipv4')
}

const middleProxiesOf = (state: Reading): MiddleProxyStatus[] =>
  middleRoutesOf(state).map(({ dc, media, family, probe }) => ({
    dc,
    media,
    family,
    address: probe.address,
    state: probe.error === null ? 'up' : 'down',
    pingMs: probe.pingMs,
    error: probe.error,
    probedAt: probe.at,
    through: state.count('ever', 0, m.connections(dc)),
    around: state.count('ever', 0, m.fallbacks(dc)),
  }))

const openStatus = (open: Open): Status['open'] => {
  const byMode: Partial<Record<Mode, number>> = {}
  const byDc: Record<string, number> = {}
  for (const [session, n] of open.bySession) {
    const [mode, dc] = session.split('/') as [Mode, string]
    byMode[mode] = (byMode[mode] ?? 0) + n
    byDc[dc] = (byDc[dc] ?? 0) + n
  }
  return { total: open.total, byMode, byDc }
}

export type StatusInput = { version: string; alerts: readonly AlertStatus[]; lagMs: number; now: number }

/** The whole status, from the state alone. */
export const buildStatus = (state: Reading, { version, alerts, lagMs, now }: StatusInput): Status => {
  const nodes: Node[] = nodesOf(state, now)
  const open = openOf(state, nodes)
  const slow = new Set(
    alerts
      .filter(({ rule, clearedAt }) => rule === 'datacenter-slow' && clearedAt === null)
      .map(({ subject }) => subject),
  )
  return {
    at: now,
    version,
    nodes: nodes.map(nodeStatus),
    open: openStatus(open),
    totals: {
      ...trafficOf(state, 'ever', now),
      today: trafficOf(state, 'day', now),
      month: trafficOf(state, 'month', now),
      since: state.since ?? now,
    },
    series: seriesOf(state, nodes, now),
    latency: latencyOf(state, now),
    datacenters: datacentersOf(state, open, slow, now),
    middleProxies: middleProxiesOf(state),
    upstreams: upstreamStatusOf(state),
    middleProxyDocuments: documentsOf(state).map(({ readAt: _, ...rest }) => rest),
    closes: closesOf(state, now),
    rejections: everWith(state, r.rejectedFor(''))
      .map(([reason, total]) => ({
        reason: reason as RejectReason, // the label comes from the event
        total,
        lastHour: hourSum(state, now, r.rejectedFor(reason)),
      }))
      .sort((a, b) => b.total - a.total),
    fronted: state.count('ever', 0, r.fronted),
    replaysRefused: state.count('ever', 0, replayKeys.replays),
    limits: Object.fromEntries(everWith(state, r.refused(''))),
    headers: Object.fromEntries(everWith(state, r.header(''))),
    listeners: everWith(state, c.acceptedBy(''))
      .map(([name, accepted]) => ({ name, open: open.byListener.get(name) ?? 0, accepted }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    users: usersOf(state, open, now),
    alerts: [...alerts],
    events: { folded: state.count('ever', 0, p.events), lost: lostBy(state), lagMs },
  }
}
