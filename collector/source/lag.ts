/** What waits in a partition. */
export type Partition = {
  /** Messages that nobody has folded yet. */
  readonly waiting: number
  /** When something of it was folded last, epoch ms; 0: never. */
  readonly foldedAt: number
}

/**
 * How old the facts are that wait, ms, the oldest partition's. One in which nothing happened for an hour is not an hour
 * behind when something comes at last: it counts from when it was last seen with nothing waiting.
 */
export const watchWaiting = () => {
  const evenAt = new Map<number, number>()
  /** `now` is epoch ms as `foldedAt` is, `at` the ms of a clock that is never set. */
  return (partitions: ReadonlyMap<number, Partition>, now: number, at: number): number => {
    let lag = 0
    for (const [partition, { waiting, foldedAt }] of partitions) {
      // Never folded: it has waited since it was first seen.
      if (waiting === 0 || (foldedAt === 0 && !evenAt.has(partition))) evenAt.set(partition, at)
      else lag = Math.max(lag, Math.min(now - foldedAt, at - (evenAt.get(partition) ?? -Infinity)))
    }
    return lag
  }
}

/** How many messages a partition has, and how many of them nobody has folded yet; null: not known. */
export type Extent = { readonly messages: number | null; readonly waiting: number | null }

/** The share of all messages that is folded, 0–1; null until all partitions are known. */
export const foldedShare = (partitions: readonly Extent[]): number | null => {
  let [messages, waiting] = [0, 0]
  for (const partition of partitions) {
    if (partition.messages === null || partition.waiting === null) return null
    messages += partition.messages
    waiting += partition.waiting
  }
  return messages === 0 ? 1 : 1 - waiting / messages
}

/** The longest that a collector that has just started keeps its counters to itself. */
const untoldMs = 5 * 60_000

/**
 * Whether the state can be no older than what was told of it before this process started: it is folded to where the log
 * ended then. A Redis that lost its tail together with its host is behind, and to tell that would be a counter reset.
 */
export const watchStart = (
  startedAt: number,
  ends: {
    readonly atFirst: ReadonlyMap<number, number> | null
    waiting(partition: number, from: number): number | null
  },
) => {
  let settled = false
  return (offsetOf: (partition: number) => number, now: number): boolean => {
    settled ||=
      now - startedAt > untoldMs ||
      (ends.atFirst !== null &&
        [...ends.atFirst].every(([partition, end]) => {
          const offset = offsetOf(partition)
          return offset >= end || ends.waiting(partition, offset) === 0
        }))
    return settled
  }
}
