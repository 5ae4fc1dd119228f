import { type Address, addressText, type Directory } from './directory.ts'

type Standing = { readonly address: Address; meanMs: number | null; failing: boolean }

/** Weight of the newest round trip in the moving mean. */
const weight = 0.3

// Both must hold before a faster address overtakes, so that two equal ones never take turns.
const fasterBy = { share: 0.2, ms: 5 }

const overtakes = (behind: Standing, ahead: Standing): boolean => {
  if (behind.failing !== ahead.failing) return ahead.failing
  if (behind.meanMs === null || ahead.meanMs === null) return false
  const gain = ahead.meanMs - behind.meanMs
  return gain > ahead.meanMs * fasterBy.share && gain > fasterBy.ms
}

/**
 * Addresses of each datacenter, best first: those that answer before those that do not, then by the moving mean of their round
 * trips. Starts in the order of the directory; an address without a measurement keeps its place.
 */
export const rankingOf = (directory: Directory) => {
  const standings = new Map<number, Standing[]>(
    [...directory].map(([id, addresses]) => [
      id,
      addresses.map((address) => ({ address, meanMs: null, failing: false })),
    ]),
  )
  return {
    /** Records a round trip, or null for a failure. True when this changed the order of the datacenter. */
    record: (id: number, address: Address, resPqMs: number | null): boolean => {
      const order = standings.get(id) ?? []
      const name = addressText(address)
      let at = order.findIndex((standing) => addressText(standing.address) === name)
      const standing = order[at]
      if (standing === undefined) return false
      standing.failing = resPqMs === null
      if (resPqMs !== null) standing.meanMs = (standing.meanMs ?? resPqMs) * (1 - weight) + resPqMs * weight

      const from = at
      const swap = (a: number, b: number): void => {
        const [first, second] = [order[a]!, order[b]!]
        order[a] = second
        order[b] = first
      }
      for (; at > 0 && overtakes(order[at]!, order[at - 1]!); at--) swap(at, at - 1)
      for (; at < order.length - 1 && overtakes(order[at + 1]!, order[at]!); at++) swap(at, at + 1)
      return at !== from
    },
    ranked: (): Directory =>
      new Map([...standings].map(([id, order]) => [id, order.map(({ address }) => address)])),
  }
}
