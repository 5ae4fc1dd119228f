import type { Address } from './directory.ts'

/** Dials of an address that its p95 is taken from. */
const KEPT = 32
/** With fewer dials than this, an address has no p95. */
const ENOUGH = 8
/** Addresses that are remembered: a directory has some 30 of them. */
const ADDRESSES = 256

export type DialTimes = {
  /** `upstream`: the name of the upstream that it goes through. */
  took(address: Address, elapsedMs: number, upstream?: string): void
  /** The p95 of the last dials of `address` that connected, ms; null: too few of them. */
  p95(address: Address, upstream?: string): number | null
}

type Recent = { readonly ms: number[]; next: number; p95: number | null }

/** How long the last dials of each address took. */
export const dialTimes = (): DialTimes => {
  const byAddress = new Map<string, Recent>()
  const keyOf = ({ host, port }: Address, upstream = ''): string => `${host} ${port} ${upstream}`
  return {
    took: (address, elapsedMs, upstream) => {
      const key = keyOf(address, upstream)
      const recent = byAddress.get(key) ?? { ms: [], next: 0, p95: null }
      recent.ms[recent.next] = elapsedMs
      recent.next = (recent.next + 1) % KEPT
      if (recent.ms.length >= ENOUGH) {
        const sorted = recent.ms.toSorted((a, b) => a - b)
        recent.p95 = sorted[Math.ceil(sorted.length * 0.95) - 1]!
      }
      // The address that was dialed least recently is the first of the map.
      byAddress.delete(key)
      byAddress.set(key, recent)
      if (byAddress.size > ADDRESSES) byAddress.delete(byAddress.keys().next().value!)
    },
    p95: (address, upstream) => byAddress.get(keyOf(address, upstream))?.p95 ?? null,
  }
}
