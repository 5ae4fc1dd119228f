import { createHmac } from 'node:crypto'

const KNOWN_ADDRESSES = 4_096

export const prefixOf = (remote: Buffer): string =>
  remote.length === 4
    ? `${remote[0]}.${remote[1]}.${remote[2]}.0/24`
    : `${[0, 2, 4].map((at) => remote.readUInt16BE(at).toString(16)).join(':')}::/48`

/** A name for an address that does not reveal it, for a day. Caches names: a client opens several connections. */
export const addressHasher = (key: Uint8Array): ((remote: Buffer) => string) => {
  const known = new Map<string, string>()
  return (remote) => {
    const text = remote.toString('latin1')
    const before = known.get(text)
    if (before !== undefined) return before
    const hash = createHmac('sha256', key).update(remote).digest('hex').slice(0, 16)
    if (known.size >= KNOWN_ADDRESSES) known.clear()
    known.set(text, hash)
    return hash
  }
}

/** Spreads the bits of a word over the whole number: the finalizer of MurmurHash3. */
const mix = (word: number): number => {
  let h = word
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/**
 * The number of the /24 or /64 of an address of 4 or 16 bytes. Two prefixes may share a number; without the seed, a client
 * cannot choose which.
 */
export const prefixKey = (remote: Buffer, seed: number): number =>
  remote.length === 16
    ? mix(mix(remote.readInt32BE(0) ^ seed) ^ remote.readInt32BE(4))
    : mix(((remote[0]! << 16) | (remote[1]! << 8) | remote[2]!) ^ seed)
