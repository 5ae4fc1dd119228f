import { upstreamKeys as k } from '../fold/projections/upstreams.ts'
import type { Reading } from '../fold/state.ts'
import type { UpstreamStatus } from './status.ts'

/** One upstream of one node. Times are epoch ms. */
export type UpstreamHealth = {
  readonly node: string
  readonly upstream: string
  /** `node/upstream`. */
  readonly key: string
  /** When a dial or probe through it last reached a datacenter; null: not within two days. */
  readonly workedAt: number | null
  readonly failedAt: number | null
  /** Why the last one that failed did. */
  readonly error: string | null
}

/** Failures for so long without a success are more than one lost probe. */
const probedOftenMs = 30_000

const prefixes = [k.lastWorked(''), k.lastFailure('')]

/** Every upstream that was used or probed in the last two days, by node and name. */
export const upstreamsOf = ({ recent }: Pick<Reading, 'recent'>): UpstreamHealth[] => {
  const keys = new Set<string>()
  for (const key of recent.keys())
    for (const prefix of prefixes) if (key.startsWith(prefix)) keys.add(key.slice(prefix.length))
  return [...keys].sort().map((key) => {
    const slash = key.indexOf('/')
    const failure = recent.get(k.lastFailure(key))
    return {
      node: key.slice(0, slash),
      upstream: key.slice(slash + 1),
      key,
      workedAt: recent.get(k.lastWorked(key))?.at ?? null,
      failedAt: failure?.at ?? null,
      error: typeof failure?.value === 'string' ? failure.value : null,
    }
  })
}

/** One lost probe, or one datacenter that is down, does not take an upstream down. */
const stateOf = ({ workedAt, failedAt }: UpstreamHealth, failures: number): UpstreamStatus['state'] => {
  if (workedAt === null) return failures > 1 ? 'down' : 'unknown'
  return (failedAt ?? 0) - workedAt >= probedOftenMs ? 'down' : 'up'
}

export const upstreamStatusOf = (state: Reading): UpstreamStatus[] =>
  upstreamsOf(state).map((health) => {
    const { node, upstream, key, workedAt, error } = health
    const failures = state.count('ever', 0, k.failed(key))
    return {
      node,
      upstream,
      state: stateOf(health, failures),
      workedAt,
      error,
      connections: state.count('ever', 0, k.taken(key)),
      failures,
    }
  })
