import { randomFillSync } from 'node:crypto'

/** Fills `target[from, to)` with random bytes. */
export type Fill = (target: Buffer, from: number, to: number) => void

/**
 * A `Fill` that draws `size` bytes at a time: a call of the generator costs over 1 µs at any length, and a handshake needs
 * several short ones.
 */
export const randomPool = (size = 8192): Fill => {
  const pool = Buffer.alloc(size)
  let used = size
  return (target, from, to) => {
    const length = to - from
    if (length > size) {
      randomFillSync(target, from, length)
      return
    }
    if (used + length > size) {
      randomFillSync(pool)
      used = 0
    }
    pool.copy(target, from, used, used + length)
    // Wipes the bytes that were handed out: they are a key by now.
    pool.fill(0, used, used + length)
    used += length
  }
}
