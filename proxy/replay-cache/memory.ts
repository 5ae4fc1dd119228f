/**
 * The replay cache of one machine: digests of handshakes, in memory that all worker threads share.
 * A table of small buckets; a full bucket forgets its oldest digest. An entry is 16 bytes of digest and its time.
 */

const WAYS = 16
/** Digests fall into buckets unevenly: with half of the room free, a full bucket is rare. */
const ROOM = 2
const WORDS = 5
/** In each bucket, before its entries: the lock. */
const BUCKET = 1 + WAYS * WORDS
/** A lock is held for well under a microsecond, unless its thread is put to sleep meanwhile. */
const SPINS = 200
/** After so many naps of 1 ms the holder was killed, and the lock is taken over. */
const NAPS = 200

/** Seconds since the epoch by a clock that is never set: digests stay in their order when the host's is. */
export const steadySeconds = (): number => (performance.timeOrigin + performance.now()) / 1000

/** True when the digest was not here yet; it is from now on. `digest` has at least 16 bytes, `now` is in seconds. */
export type Claim = (digest: Buffer, now: number) => boolean

/** Memory for at least so many digests; 0 is a cache that remembers nothing. */
export const replayMemory = (entries: number): SharedArrayBuffer =>
  new SharedArrayBuffer(Math.ceil((entries * ROOM) / WAYS) * BUCKET * 4)

/** How many digests `memory` was made for, about. */
export const replayEntries = (memory: SharedArrayBuffer): number =>
  (memory.byteLength / (BUCKET * 4)) * (WAYS / ROOM)

/** The cache in `memory`, as one thread sees it. */
export const replayCache = (memory: SharedArrayBuffer): Claim => {
  const words = new Int32Array(memory)
  const buckets = words.length / BUCKET
  return (digest, now) => {
    if (buckets === 0) return true
    const [a, b, c, d] = [0, 4, 8, 12].map((at) => digest.readInt32LE(at)) as [number, number, number, number]
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
    if (!known) words.set([Math.max(1, Math.floor(now)), a, b, c, d], oldest)
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
