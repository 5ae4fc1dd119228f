const seed = 0x9747b28c
const m = 0x5bd1e995

/** MurmurHash2 of 32 bits, with which Kafka's clients hash keys. */
export const murmur2 = (bytes: Uint8Array): number => {
  const length = bytes.length
  let hash = seed ^ length
  const words = length >> 2
  const view = new DataView(bytes.buffer, bytes.byteOffset, length)
  for (let i = 0; i < words; i++) {
    let k = Math.imul(view.getInt32(i * 4, true), m)
    k ^= k >>> 24
    hash = Math.imul(hash, m) ^ Math.imul(k, m)
  }
  const rest = words * 4
  if (length % 4 === 3) hash ^= bytes[rest + 2]! << 16
  if (length % 4 >= 2) hash ^= bytes[rest + 1]! << 8
  if (length % 4 >= 1) hash = Math.imul(hash ^ bytes[rest]!, m)
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return hash ^ (hash >>> 15)
}

/** The partition that Kafka's default partitioner chooses for a key, so that every tool finds it there. */
export const partitionOf = (key: string, partitions: number): number =>
  (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions
