import { setTimeout as delay } from 'node:timers/promises'
import type { TopicLog } from '../../proxy/kafka/topic-log.ts'
import type { Logger } from '../../proxy/logger/logger.ts'
import type { RedisClient } from '../../proxy/redis/connect.ts'
import { replacedKey } from '../fold/fold.ts'
import { type Hold, takePartition } from '../state/redis-hold.ts'
import { adoptLog, type Replaced } from './same-log.ts'

/** The partitions that this collector owns: each is taken in Redis, and read from the offset in it. */
export type Ownership = {
  readonly holds: ReadonlyMap<number, Hold>
  /** How often Redis had another owner or an older state than this collector. */
  readonly stale: number
  /** The group has settled: takes these partitions again, and gives up all others. */
  assign(partitions: readonly number[]): void
  /** Takes a partition and positions the consumer at its offset. Tries again until that works or the group moves it. */
  take(partition: number): Promise<void>
  /** Takes a partition that turned out to be stale. */
  retake(partition: number): Promise<void>
  /** Gives up a hold, unless another one has replaced it. */
  release(hold: Hold): void
  /** Positions the consumer at the offset of a hold; false when it was positioned there and nothing was written since. */
  rewind(hold: Hold): boolean
  /** To be called after a commit: `rewind` may position the consumer again. */
  wrote(hold: Hold): void
  stop(): void
}

const retryMs = 250

type OwnershipOptions = {
  readonly redis: RedisClient
  readonly prefix: string
  readonly topic: string
  readonly log: TopicLog
  readonly now: () => number
  readonly logger: Logger
  readonly seek: (partition: number, offset: number) => void
}

/** Logs and counts a replaced topic. The offset is stored already, so a commit that fails here comes with the next events. */
const reportReplaced = async (
  hold: Hold,
  { reason, before }: Replaced,
  { topic, now, logger }: OwnershipOptions,
): Promise<void> => {
  logger('error', 'topic-replaced', {
    topic,
    partition: hold.partition,
    reason,
    before,
    offset: hold.offset,
    hint: 'events of the earlier topic that were not folded are lost; totals continue',
  })
  hold.count(replacedKey(reason), now())
  await hold.commit(hold.offset, hold.offset).catch(() => {})
}

export const createOwnership = (options: OwnershipOptions): Ownership => {
  const { redis, prefix, log, now, seek } = options
  const holds = new Map<number, Hold>()
  /** The offset at which the consumer was positioned last. */
  const sought = new Map<number, number>()
  const taking = new Map<number, Promise<void>>()
  let assigned = new Set<number>()
  let stale = 0
  let stopped = false

  const takeNow = async (partition: number): Promise<void> => {
    while (assigned.has(partition) && !stopped) {
      try {
        const hold = await takePartition({ redis, prefix, partition })
        await hold.expire(now())
        const replaced = await adoptLog(hold, log)
        if (replaced !== null) await reportReplaced(hold, replaced, options)
        if (!assigned.has(partition)) return
        holds.set(partition, hold)
        sought.set(partition, hold.offset)
        seek(partition, hold.offset)
        return
      } catch {
        await delay(retryMs) // the connection to Redis or Kafka has logged why
      }
    }
  }

  /** One take at a time: two would take the partition from each other. */
  const take = (partition: number): Promise<void> => {
    const running = taking.get(partition) ?? takeNow(partition).finally(() => taking.delete(partition))
    taking.set(partition, running)
    return running
  }

  return {
    holds,
    get stale() {
      return stale
    },
    assign: (partitions) => {
      assigned = new Set(partitions)
      for (const partition of holds.keys()) if (!assigned.has(partition)) holds.delete(partition)
      // In a new generation of the group another member may have moved the offset meanwhile.
      for (const partition of partitions) {
        holds.delete(partition)
        void take(partition)
      }
    },
    take,
    retake: (partition) => {
      stale++
      holds.delete(partition)
      return take(partition)
    },
    release: (hold) => {
      if (holds.get(hold.partition) === hold) holds.delete(hold.partition)
    },
    rewind: ({ partition, offset }) => {
      if (sought.get(partition) === offset) return false
      sought.set(partition, offset)
      seek(partition, offset)
      return true
    },
    wrote: ({ partition }) => void sought.delete(partition),
    stop: () => {
      stopped = true
    },
  }
}
