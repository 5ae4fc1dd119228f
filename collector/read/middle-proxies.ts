import type { Observation } from '../fold/delta.ts'
import { type Route, routeOf } from '../fold/key.ts'
import { middleProxyKeys as m } from '../fold/projections/middle-proxies.ts'
import type { Reading } from '../fold/state.ts'

type MiddleProbe = { at: number; address: string; pingMs: number | null; error: string | null }

/** The middle proxies of one datacenter, media or not, in one family. */
export type MiddleRoute = Route & {
  readonly key: string
  /** The best of the last probes of its addresses. */
  readonly probe: MiddleProbe
  /** When a probe last succeeded; null if not within two days. */
  readonly workedAt: number | null
}

export type DocumentState = {
  readonly node: string
  readonly document: string
  readonly entries: number
  /** Epoch ms; null while there is none. */
  readonly fetchedAt: number | null
  readonly error: string | null
  readonly readAt: number
}

// Addresses that Telegram no longer publishes are no longer probed; their last results are old.
const probedTogetherMs = 5 * 60_000

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined
const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null)
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)

const probePrefix = m.lastProbe('', '').slice(0, -1)

const probeOf = (address: string, { at, value }: Observation): MiddleProbe => ({
  at,
  address,
  pingMs: numberOf(fieldOf(value, 'pingMs')),
  error: textOf(fieldOf(value, 'error')),
})

const best = (probes: readonly MiddleProbe[]): MiddleProbe => {
  const newest = Math.max(...probes.map(({ at }) => at))
  const cost = ({ error, pingMs }: MiddleProbe): number => (error === null ? (pingMs ?? 0) : Infinity)
  return probes
    .filter(({ at }) => at >= newest - probedTogetherMs)
    .reduce((a, b) => (cost(b) < cost(a) || (cost(b) === cost(a) && b.at > a.at) ? b : a))
}

/** Every route to middle proxies that was probed in the last two days, ordered by datacenter, media and family. */
export const middleRoutesOf = ({ recent }: Pick<Reading, 'recent'>): readonly MiddleRoute[] => {
  const probes = new Map<string, MiddleProbe[]>()
  for (const [key, observation] of recent) {
    if (!key.startsWith(probePrefix)) continue
    const [dc, media, family, ...address] = key.slice(probePrefix.length).split('/')
    const route = `${dc}/${media}/${family}`
    probes.set(route, [...(probes.get(route) ?? []), probeOf(address.join('/'), observation)])
  }
  return [...probes]
    .map(([key, of]) => ({
      ...routeOf(key),
      key,
      probe: best(of),
      workedAt: recent.get(m.worked(key))?.at ?? null,
    }))
    .sort((a, b) => a.dc - b.dc || Number(a.media) - Number(b.media) || (a.family < b.family ? -1 : 1))
}

const readPrefix = m.read('')

/** What each node knows of the documents that Telegram publishes. */
export const documentsOf = ({ recent }: Pick<Reading, 'recent'>): readonly DocumentState[] =>
  [...recent]
    .filter(([key]) => key.startsWith(readPrefix))
    .map(([key, { at, value }]) => {
      const [node = '', document = ''] = key.slice(readPrefix.length).split('/')
      return {
        node,
        document,
        entries: numberOf(fieldOf(value, 'entries')) ?? 0,
        fetchedAt: numberOf(fieldOf(value, 'fetchedAt')),
        error: textOf(fieldOf(value, 'error')),
        readAt: at,
      }
    })
    .sort((a, b) => (`${a.node}/${a.document}` < `${b.node}/${b.document}` ? -1 : 1))
