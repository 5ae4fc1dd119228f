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
  return (partitions: ReadonlyMap<number, Partition>, now: number): number => {
    let lag = 0
    for (const [partition, { waiting, foldedAt }] of partitions) {
      // Never folded: it has waited since it was first seen.
      if (waiting === 0 || (foldedAt === 0 && !evenAt.has(partition))) evenAt.set(partition, now)
      else lag = Math.max(lag, now - Math.max(foldedAt, evenAt.get(partition) ?? 0))
    }
    return lag
  }
}
