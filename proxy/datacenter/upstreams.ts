import type { UpstreamError } from '../events/contract.ts'
import { type Address, addressText } from './directory.ts'
import { isReady, serves, type Upstream } from './upstream.ts'

/** An upstream and what the probes through it have found. */
export type UpstreamState = {
  readonly upstream: Upstream
  readonly down: boolean
  /** The place of each address among the others of its datacenter; empty before the first probes. */
  readonly places: ReadonlyMap<string, number>
}

/** Failures in a row after which an upstream rests. */
const FAILURES = 3
/** How long an upstream rests before a client tries it again; a probe that succeeds ends the rest. */
const REST_MS = 30_000
/** Errors that another try does not change. */
const lasting: ReadonlySet<UpstreamError> = new Set(['login', 'no-source'])

type Standing = UpstreamState & { failures: number; restsUntil: number }

/** The upstreams of one thread. Times are `performance.now()`, ms. */
export type Upstreams = {
  /** Those to try, best first. One that is down or rests comes last: it is tried before a client is refused. */
  order(now: number): readonly Upstream[]
  /** The addresses that an upstream can reach, best first. */
  addresses(upstream: Upstream, addresses: readonly Address[]): readonly Address[]
  worked(name: string): void
  failed(name: string, error: UpstreamError, now: number): void
  /** New results of the probes. */
  change(states: readonly UpstreamState[]): void
}

/** The upstream at `share` (0–1) of all weights. */
const indexAt = (standings: readonly Standing[], share: number): number => {
  const weights = standings.map(({ upstream }) => upstream.weight ?? 1)
  let left = share * weights.reduce((sum, weight) => sum + weight, 0)
  for (const [at, weight] of weights.entries()) {
    if (left < weight) return at
    left -= weight
  }
  return standings.length - 1
}

/** Draws the upstreams by weight, without putting one back. */
const drawn = (standings: readonly Standing[], random: () => number): readonly Standing[] => {
  const left = [...standings]
  const order: Standing[] = []
  while (left.length > 0) order.push(...left.splice(indexAt(left, random()), 1))
  return order
}

/** `rested` is called with the name of an upstream that is left. */
export const upstreamsOf = (
  states: readonly UpstreamState[],
  rested: (name: string) => void,
  random: () => number = Math.random,
): Upstreams => {
  let standings: readonly Standing[] = states.map((state) => ({ ...state, failures: 0, restsUntil: 0 }))
  const find = (name: string): Standing | undefined =>
    standings.find(({ upstream }) => upstream.name === name)

  return {
    order: (now) => {
      const ready = standings.filter(({ upstream }) => isReady(upstream))
      const isWell = ({ down, restsUntil }: Standing): boolean => !down && now >= restsUntil
      const well = ready.filter(isWell)
      const first = well.some(({ upstream }) => upstream.weight !== null) ? drawn(well, random) : well
      return [...first, ...ready.filter((one) => !isWell(one))].map(({ upstream }) => upstream)
    },
    addresses: (upstream, addresses) => {
      const { places } = find(upstream.name) ?? { places: new Map<string, number>() }
      const reachable = addresses.filter((address) => serves(upstream, address))
      if (places.size === 0) return reachable
      const place = (address: Address): number => places.get(addressText(address)) ?? places.size
      return reachable.toSorted((a, b) => place(a) - place(b))
    },
    worked: (name) => {
      const standing = find(name)
      if (standing === undefined) return
      standing.failures = 0
      standing.restsUntil = 0
    },
    failed: (name, error, now) => {
      const standing = find(name)
      if (standing === undefined) return
      standing.failures += lasting.has(error) ? FAILURES : 1
      if (standing.failures < FAILURES) return
      const resting = now < standing.restsUntil
      standing.restsUntil = now + REST_MS
      if (!resting) rested(name)
    },
    change: (next) => {
      standings = next.map((state) => {
        const before = find(state.upstream.name)
        const isBack = before?.down && !state.down
        const { failures, restsUntil } =
          before === undefined || isBack ? { failures: 0, restsUntil: 0 } : before
        if (state.down && !before?.down) rested(state.upstream.name)
        return { ...state, failures, restsUntil }
      })
    },
  }
}
