/** One link, the same in both directions. */
export type Link = {
  /** One way. */
  readonly delayMs: number
  /** Each packet is delayed by up to so much more or less; the order stays. */
  readonly jitterMs: number
  readonly mbit: number
  /** Share of packets lost, 0 to 1. */
  readonly loss: number
  /** Mean number of packets lost one after the other; 1 loses each packet independently. */
  readonly burst: number
  /** Data that waits for the link, in milliseconds of its rate; packets beyond are dropped. */
  readonly bufferMs: number
}

export const LOST = -1
export const FULL = -2

/** Random numbers from 0 to 1 that repeat with the seed (mulberry32). */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * One direction of a link. The result takes the time and size of an arriving packet and returns the time at which it leaves
 * the link, `LOST` or `FULL`. Times are ms of one clock and do not go back. Loss in bursts has two states (Gilbert).
 */
export const lane = (link: Link, random: () => number): ((now: number, bytes: number) => number) => {
  const bytesPerMs = link.mbit * 125
  const leaveLoss = link.burst > 1 ? 1 / link.burst : 1 - link.loss
  const enterLoss = (link.loss * leaveLoss) / (1 - link.loss)
  let losing = false
  let freeAt = 0
  let last = 0
  return (now, bytes) => {
    losing = losing ? random() >= leaveLoss : random() < enterLoss
    if (losing) return LOST
    const starts = Math.max(now, freeAt)
    if (starts - now > link.bufferMs) return FULL
    freeAt = starts + bytes / bytesPerMs
    const jitter = link.jitterMs === 0 ? 0 : (random() * 2 - 1) * link.jitterMs
    last = Math.max(last, freeAt + link.delayMs + jitter)
    return last
  }
}
