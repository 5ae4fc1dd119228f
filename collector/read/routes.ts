import type { Family } from '../../proxy/events/contract.ts'
import type { Observation } from '../fold/delta.ts'
import { type Route, routeKey, routeOf } from '../fold/key.ts'
import { datacenterKeys as d } from '../fold/projections/datacenters.ts'
import { bucketOf } from '../fold/retention.ts'
import type { Reading } from '../fold/state.ts'

export type Probe = {
  at: number
  address: string
  tcpMs: number | null
  resPqMs: number | null
  error: string | null
}

/** One route to a datacenter: dc × media × family. */
export type RouteHealth = Route & {
  key: string
  /** The best probe of its current addresses; null if none was probed. */
  probe: Probe | null
  /** The address of the last dial, whether it succeeded or not. */
  dialed: string | null
  /** When a probe or a dial last succeeded; null if not within two days. */
  workedAt: number | null
  /** Why the last try failed, of a probe or of a dial. */
  error: string | null
  /** False if this host lacks the family: nothing on it has worked in two days, while the other one works. */
  expected: boolean
}

// Addresses that left the directory are no longer probed; their last results are old.
const probedTogetherMs = 5 * 60_000

const probeOf = (address: string, { at, value }: Observation): Probe => {
  const { tcpMs, resPqMs, error } = value as { [name: string]: unknown } // as the projection wrote it
  return {
    at,
    address,
    tcpMs: typeof tcpMs === 'number' ? tcpMs : null,
    resPqMs: typeof resPqMs === 'number' ? resPqMs : null,
    error: typeof error === 'string' ? error : null,
  }
}

const best = (probes: readonly Probe[]): Probe | null => {
  const newest = Math.max(...probes.map((probe) => probe.at))
  const cost = (probe: Probe): number => (probe.error === null ? (probe.resPqMs ?? 0) : Infinity)
  const current = probes.filter((probe) => probe.at >= newest - probedTogetherMs)
  return current.reduce<Probe | null>(
    (a, b) => (a === null || cost(b) < cost(a) || (cost(b) === cost(a) && b.at > a.at) ? b : a),
    null,
  )
}

const prefixes = { probe: 'probe/', dial: d.lastDial(''), failure: d.lastFailure('') } as const

/** Whether a family should work; if neither ever did, IPv4 should. */
export const isExpected = ({ recent }: Pick<Reading, 'recent'>, family: Family): boolean =>
  recent.has(d.worked(family)) || (family === 'ipv4' && !recent.has(d.worked('ipv6')))

/** Every route that was probed or dialed in the last two days, ordered by datacenter, media and family. */
export const routesOf = (state: Pick<Reading, 'recent'>): RouteHealth[] => {
  const probes = new Map<string, Probe[]>()
  for (const [key, observation] of state.recent) {
    if (key.startsWith(prefixes.probe)) {
      const [dc, media, family, ...address] = key.slice(prefixes.probe.length).split('/')
      const route = `${dc}/${media}/${family}`
      const known = probes.get(route) ?? []
      known.push(probeOf(address.join('/'), observation))
      probes.set(route, known)
    } else {
      for (const prefix of [prefixes.dial, prefixes.failure]) {
        const route = key.slice(prefix.length)
        if (key.startsWith(prefix) && !probes.has(route)) probes.set(route, [])
      }
    }
  }
  return [...probes].map(([key, of]) => healthOf(state, key, best(of))).sort(inMatrix)
}

const healthOf = (state: Pick<Reading, 'recent'>, key: string, probe: Probe | null): RouteHealth => {
  const route = routeOf(key)
  const dial = state.recent.get(d.lastDial(key))
  const failure = state.recent.get(d.lastFailure(key))
  const failed = failure?.value as { address?: unknown; error?: unknown } | undefined
  const workedAt = state.recent.get(d.worked(key))?.at ?? null
  const failedSince = failure !== undefined && failure.at > (workedAt ?? 0)
  const dialed = failure !== undefined && failure.at > (dial?.at ?? 0) ? failed?.address : dial?.value
  return {
    ...route,
    key,
    probe,
    dialed: typeof dialed === 'string' ? dialed : null,
    workedAt,
    error: probe?.error ?? (failedSince ? String(failed?.error) : null),
    expected: isExpected(state, route.family),
  }
}

/** The subject of an alert about a route. */
export const routeName = ({ dc, media, family }: Route): string =>
  `dc ${dc}${media ? ' media' : ''} ${family}`

const inMatrix = (a: RouteHealth, b: RouteHealth): number =>
  a.dc - b.dc || Number(a.media) - Number(b.media) || (a.family < b.family ? -1 : a.family > b.family ? 1 : 0)

/** Succeeded and failed probes and dials of a route between two times (epoch ms). */
export const triesOf = (
  state: Reading,
  route: RouteHealth | Route,
  from: number,
  to: number,
): { worked: number; failed: number } => {
  const key = routeKey(route)
  const [first, last] = [bucketOf('tick', from), bucketOf('tick', to)]
  return {
    worked: state.sum('tick', first, last, d.probed(key)) + state.sum('tick', first, last, d.dialed(key)),
    failed:
      state.sum('tick', first, last, d.probeFailed(key)) + state.sum('tick', first, last, d.dialFailed(key)),
  }
}
