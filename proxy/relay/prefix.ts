/** The bits of each word spread over the whole number (the finalizer of MurmurHash3). */
const mix = (word: number): number => {
  let h = word
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/**
 * The /24 or /64 that an address of 4 or 16 bytes is in, as a number. Two prefixes may share one: the seed keeps anyone
 * from choosing which.
 */
export const prefixKey = (remote: Buffer, seed: number): number =>
  remote.length === 16
    ? mix(mix(remote.readInt32BE(0) ^ seed) ^ remote.readInt32BE(4))
    : mix(((remote[0]! << 16) | (remote[1]! << 8) | remote[2]!) ^ seed)
