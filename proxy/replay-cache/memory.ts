/**
 * The replay cache of one machine: digests of handshakes, in memory that all worker threads share.
 * A table of buckets; a full bucket forgets its oldest digest. An entry has 16 bytes of digest and its time.
 */

const WAYS = 16
/** Digests fill buckets unevenly: with twice the space, a full bucket is rare. */
const ROOM = 2
const WORDS = 5
/** Words of a bucket: the lock, then the entries. */
const BUCKET = 1 + WAYS * WORDS
/** A lock is held for well under a microsecond, unless the kernel suspends its thread. */
const SPINS = 200
/** After this many naps of 1 ms the holder counts as killed, and the lock is taken over. */
const NAPS = 200

/** Seconds since the epoch, by a monotonic clock: digests stay in order when the clock of the host is set. */
export const steadySeconds = (): number => (performance.timeOrigin + performance.now()) / 1000

/** Adds a digest; false when the cache had it. `digest` has at least 16 bytes, `now` is in seconds. */
export type Claim = (digest: Buffer, now: number) => boolean

/** Memory for at least `entries` digests; 0: the cache keeps none. */
export const replayMemory = (entries: number): SharedArrayBuffer =>
  new SharedArrayBuffer(Math.ceil((entries * ROOM) / WAYS) * BUCKET * 4)

/** The number of digests that `memory` was created for, rounded up to whole buckets. */
export const replayEntries = (memory: SharedArrayBuffer): number =>
  (memory.byteLength / (BUCKET * 4)) * (WAYS / ROOM)

/** The cache in `memory`, for one thread. */
export const replayCache = (memory: SharedArrayBuffer): Claim => {
  const words = new Int32Array(memory)
  const buckets = words.length / BUCKET
  return (digest, now) => {
    if (buckets === 0) return true
    const a = digest.readInt32LE(0)
    const b = digest.readInt32LE(4)
    const c = digest.readInt32LE(8)
    const d = digest.readInt32LE(12)
    const bucket = ((a >>> 0) % buckets) * BUCKET
    lock(words, bucket)
    let oldest = bucket + 1
    let known = false
    for (let way = 0; way < WAYS; way++) {
      const at = bucket + 1 + way * WORDS
      const time = words[at]!
      if (
        time !== 0 &&
        words[at + 1] === a &&
        words[at + 2] === b &&
        words[at + 3] === c &&
        words[at + 4] === d
      ) {
        known = true
        break
      }
      if (time < words[oldest]!) oldest = at
    }
    if (!known) {
      words[oldest] = Math.max(1, Math.floor(now))
      words[oldest + 1] = a
      words[oldest + 2] = b
      words[oldest + 3] = c
      words[oldest + 4] = d
    }
    Atomics.store(words, bucket, 0)
    return !known
  }
}

const lock = (words: Int32Array, at: number): void => {
  for (let nap = 0; nap < NAPS; nap++) {
    for (let spin = 0; spin < SPINS; spin++) if (Atomics.compareExchange(words, at, 0, 1) === 0) return
    Atomics.wait(words, at, 1, 1)
  }
}
