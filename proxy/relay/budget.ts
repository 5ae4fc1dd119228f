/**
 * Bytes that fronted connections may forward, both directions together: a bound for all of them and one for each
 * address prefix. The memory is shared by all threads, so that neither a new connection nor another thread gets more.
 */
export type Budget = {
  /** Takes `bytes`; false: they are not available now. */
  take(prefix: number, bytes: number): boolean
  /** Returns bytes that were taken and not used. */
  giveBack(prefix: number, bytes: number): void
}

/** Ticks in a millisecond. A cell holds the tick at which everything taken from it has been earned. */
const TICKS = 16

type Bound = { readonly burst: number; readonly ticksPerByte: number }
const bound = (burstBytes: number, bytesPerSecond: number): Bound => {
  const ticksPerByte = (1_000 * TICKS) / bytesPerSecond
  return { burst: burstBytes * ticksPerByte, ticksPerByte }
}

/** A few pages at full speed, then the rate of two connections in one direction. */
export const PREFIX_BURST = 16 * 1_048_576
export const PREFIX_BYTES_A_SECOND = 256 * 1_024
export const BURST = 64 * 1_048_576
export const ALL_BYTES_A_SECOND = 2 * 1_048_576
const ofPrefix = bound(PREFIX_BURST, PREFIX_BYTES_A_SECOND)
const ofAll = bound(BURST, ALL_BYTES_A_SECOND)

/** Prefixes that share a slot share its bytes. */
const SLOTS = 4_096
const ALL = SLOTS

export const budgetMemory = (): SharedArrayBuffer =>
  new SharedArrayBuffer((SLOTS + 1) * Int32Array.BYTES_PER_ELEMENT)

/** `clock` is the same in all threads, ms. */
export const budget = (memory: SharedArrayBuffer, clock: () => number): Budget => {
  const cells = new Int32Array(memory)
  const slotOf = (prefix: number): number => (prefix >>> 0) % SLOTS

  /** Ticks that a cell is ahead of `now`. A cell so old that its tick has wrapped around counts as 0. */
  const ahead = (cell: number, now: number, { burst }: Bound): number => {
    const ticks = (cell - now) | 0
    return ticks > 0 && ticks <= burst ? ticks : 0
  }
  const spend = (at: number, of: Bound, bytes: number, now: number): boolean => {
    const cost = Math.ceil(bytes * of.ticksPerByte)
    for (;;) {
      const cell = Atomics.load(cells, at)
      const ticks = ahead(cell, now, of) + cost
      if (ticks > of.burst) return false
      if (Atomics.compareExchange(cells, at, cell, (now + ticks) | 0) === cell) return true
    }
  }
  const giveBack = (at: number, of: Bound, bytes: number): void => {
    Atomics.sub(cells, at, Math.floor(bytes * of.ticksPerByte))
  }

  return {
    take: (prefix, bytes) => {
      const now = Math.floor(clock() * TICKS) | 0
      if (!spend(slotOf(prefix), ofPrefix, bytes, now)) return false
      if (spend(ALL, ofAll, bytes, now)) return true
      giveBack(slotOf(prefix), ofPrefix, bytes)
      return false
    },
    giveBack: (prefix, bytes) => {
      giveBack(slotOf(prefix), ofPrefix, bytes)
      giveBack(ALL, ofAll, bytes)
    },
  }
}
