/** The backlog of a partition. */
export type Partition = {
  /** Messages that are not folded yet. */
  readonly waiting: number
  /** When an event of it was folded last, epoch ms; 0: never. */
  readonly foldedAt: number
}

/**
 * Measures the age of the oldest waiting events, in ms. A partition that was idle for an hour is not an hour behind when an
 * event arrives: its age counts from the last time that nothing was waiting.
 */
export const watchWaiting = () => {
  const evenAt = new Map<number, number>()
  /** `now` is epoch ms like `foldedAt`, `at` ms of a clock that is never set. */
  return (partitions: ReadonlyMap<number, Partition>, now: number, at: number): number => {
    let lag = 0
    for (const [partition, { waiting, foldedAt }] of partitions) {
      // A partition that was never folded counts from the first call.
      if (waiting === 0 || (foldedAt === 0 && !evenAt.has(partition))) evenAt.set(partition, at)
      else lag = Math.max(lag, Math.min(now - foldedAt, at - (evenAt.get(partition) ?? -Infinity)))
    }
    return lag
  }
}

/** The messages of a partition, and those that are not folded yet; null: unknown. */
export type Extent = { readonly messages: number | null; readonly waiting: number | null }

/** The folded share of all messages, 0–1; null until every partition is known. */
export const foldedShare = (partitions: readonly Extent[]): number | null => {
  let [messages, waiting] = [0, 0]
  for (const partition of partitions) {
    if (partition.messages === null || partition.waiting === null) return null
    messages += partition.messages
    waiting += partition.waiting
  }
  return messages === 0 ? 1 : 1 - waiting / messages
}

/** The longest time after its start that a collector withholds its counters. */
const withheldMs = 5 * 60_000

/**
 * Whether the state is at least as far as any collector has exposed before this process started: true once it is folded to
 * the end that the log had at the start. Behind that, after Redis lost its tail, counters would seem to be reset.
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
      now - startedAt > withheldMs ||
      (ends.atFirst !== null &&
        [...ends.atFirst].every(([partition, end]) => {
          const offset = offsetOf(partition)
          return offset >= end || ends.waiting(partition, offset) === 0
        }))
    return settled
  }
}
