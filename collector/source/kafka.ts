import { setTimeout as delay } from 'node:timers/promises'
import type { Batch } from '../../proxy/events/contract.ts'
import type { KafkaClient } from '../../proxy/kafka/connect.ts'
import { type Incoming, openConsumer, type Turn } from '../../proxy/kafka/consumer.ts'
import type { KafkaFailure } from '../../proxy/kafka/errors.ts'
import type { Producer } from '../../proxy/kafka/producer.ts'
import { openTopicLog } from '../../proxy/kafka/topic-log.ts'
import type { Logger } from '../../proxy/logger/logger.ts'
import type { RedisClient } from '../../proxy/redis/connect.ts'
import { type Dating, datingOf } from '../fold/dating.ts'
import { deadLetterKey, replacedKey } from '../fold/fold.ts'
import { openMessage } from '../fold/message.ts'
import { type Hold, takePartition } from '../state/redis-hold.ts'
import { openDeadLetters } from './dead-letters.ts'
import { costAtMost, foldParts } from './parts.ts'
import { replayRefill } from './refill.ts'
import { adoptLog, isOtherLog, type Replaced } from './same-log.ts'

export type FollowedTopic = {
  /** Whether this member is in the group. */
  readonly up: boolean
  /** Why it is not; null when it is, or does not know. */
  readonly failure: KafkaFailure | null
  /** Partitions that this collector folds now. */
  readonly held: number
  /** Since the start of this process: commits, those of them that came too late, repeated facts. */
  readonly commits: number
  readonly stale: number
  readonly repeated: number
  /** Leaves the group; what is folded and not committed is folded again by who takes over. */
  stop(): Promise<void>
}

export type TopicToFollow = {
  readonly client: KafkaClient
  readonly redis: RedisClient
  readonly prefix: string
  /** Where messages go that nobody can read. */
  readonly deadLetters: Pick<Producer, 'send'>
  readonly replayWindowMs: number
  readonly now: () => number
  readonly logger: Logger
}

const checkMs = 2_000
const expireMs = 60_000
const retryMs = 250
/** While a turn takes long the membership is kept. */
const beatMs = 1_000

/**
 * One of the collectors that fold `mtscope.events` into Redis. Each partition has one owner; the offset it goes on from
 * stands beside the aggregates, and both move in one stroke, so that no fact is counted twice or not at all, whoever dies
 * when. While Redis is away nothing is folded: Kafka waits.
 */
export const followTopic = (options: TopicToFollow): FollowedTopic => {
  const { client, redis, prefix, deadLetters, now, logger } = options
  const { events: topic } = client.config.topics
  const holds = new Map<number, Hold>()
  const sought = new Map<number, number>()
  const taking = new Map<number, Promise<Hold | null>>()
  const letters = openDeadLetters(topic, deadLetters, logger)
  const log = openTopicLog(client, topic)
  let assigned = new Set<number>()
  let [commits, stale, repeated] = [0, 0, 0]
  let stopped = false
  let refused = ''

  /** Makes a partition ours and goes on where its state stands; null when it is not (any more) for us. */
  const take = (partition: number): Promise<Hold | null> => {
    // Two at a time would take it from each other.
    const under = taking.get(partition) ?? takeNow(partition).finally(() => taking.delete(partition))
    taking.set(partition, under)
    return under
  }

  const takeNow = async (partition: number): Promise<Hold | null> => {
    while (assigned.has(partition) && !stopped) {
      try {
        const hold = await takePartition({ redis, prefix, partition })
        await hold.expire(now())
        const other = await adoptLog(hold, log)
        if (other !== null) await tellReplaced(hold, other)
        if (!assigned.has(partition)) return null
        holds.set(partition, hold)
        sought.set(partition, hold.offset)
        consumer.seek(partition, hold.offset)
        return hold
      } catch {
        await delay(retryMs) // Redis or Kafka is away, and its connection has said so
      }
    }
    return null
  }

  /** The offset is where it must be already: this counts it, at the latest with the next events. */
  const tellReplaced = async (hold: Hold, { why, before }: Replaced): Promise<void> => {
    logger('error', 'topic-replaced', {
      topic,
      partition: hold.partition,
      why,
      before,
      offset: hold.offset,
      hint: 'what the earlier one had and was not folded is lost; totals go on',
    })
    hold.count(replacedKey(why), now())
    await hold.commit(hold.offset, hold.offset).catch(() => {})
  }

  const retake = async (partition: number): Promise<void> => {
    stale++
    holds.delete(partition)
    await take(partition)
  }

  /** What a script says of a key of another kind, once. */
  const tellRefused = (error: unknown): void => {
    const why = String(error).slice(0, 200)
    if (!why.includes('MTSCOPE') || why === refused) return
    refused = why
    logger('error', 'redis-refused', { why, hint: 'another program writes to REDIS_PREFIX: delete that key' })
  }

  /** Writes what is folded; false when the partition is not ours any more, or Redis stands elsewhere. */
  const commit = async (hold: Hold, turn: Turn, offset: number, part = 0): Promise<boolean> => {
    await letters.flush()
    while (turn.alive() && holds.get(turn.partition) === hold) {
      try {
        if ((await hold.commit(offset, turn.end, part)) === 'advanced') {
          commits++
          return true
        }
        await retake(turn.partition)
        return false
      } catch (error) {
        tellRefused(error)
        await delay(retryMs)
        await turn.heartbeat()
      }
    }
    if (holds.get(turn.partition) === hold) holds.delete(turn.partition)
    return false
  }

  const refill = replayRefill({ redis, prefix, windowMs: options.replayWindowMs, logger })

  const foldOne = (hold: Hold, batch: Batch, dating: Dating): void => {
    repeated += hold.fold(batch, dating).repeated
    refill(batch.events, now(), dating)
  }

  /** False when the partition is not ours any more. */
  const foldAll = async (hold: Hold, turn: Turn, message: Incoming): Promise<boolean> => {
    const { broken, batches } = openMessage(message)
    const dating = datingOf(message.at, message.sentAt)
    const write = (part: number): Promise<boolean> => commit(hold, turn, message.offset, part)
    if (!(await foldParts(hold, message.offset, batches, (batch) => foldOne(hold, batch, dating), write)))
      return false
    if (broken === null) return true
    // With what moves the offset on, so that it is counted once.
    hold.count(deadLetterKey(broken), message.at)
    await letters.add(turn.partition, message, broken)
    return true
  }

  const batch = async (turn: Turn, messages: readonly Incoming[]): Promise<void> => {
    const beating = setInterval(() => turn.heartbeat().catch(() => {}), beatMs)
    await foldTurn(turn, messages).finally(() => clearInterval(beating))
  }

  const foldTurn = async (turn: Turn, messages: readonly Incoming[]): Promise<void> => {
    const { partition, from, to } = turn
    const hold = holds.get(partition)
    if (hold === undefined) {
      await take(partition) // which seeks: these messages come again
      return
    }
    // The log ends before what was folded of it: it is another one, or lost its tail.
    if (turn.end < hold.offset) {
      holds.delete(partition)
      await take(partition)
      return
    }
    let next = hold.offset
    if (from > next && sought.get(partition) !== next) {
      sought.set(partition, next)
      consumer.seek(partition, next)
      return
    }
    if (from > next) logger('warn', 'events-gone', { partition, messages: from - next })
    for (const message of messages) {
      if (message.offset < next) continue
      if (!(await foldAll(hold, turn, message))) return
      next = message.offset + 1
      if (hold.cost > costAtMost && !(await commit(hold, turn, next))) return
    }
    // Markers of transactions are no messages.
    next = Math.max(next, to)
    if (next > hold.offset && (await commit(hold, turn, next))) sought.delete(partition)
  }

  const consumer = openConsumer(
    client,
    { topic, group: `${prefix}-collector` },
    {
      assigned: (partitions) => {
        assigned = new Set(partitions)
        for (const partition of holds.keys()) if (!assigned.has(partition)) holds.delete(partition)
        // A new generation: whoever had it in between may have moved it on.
        for (const partition of partitions) {
          holds.delete(partition)
          void take(partition)
        }
      },
      batch,
    },
  )

  /** A Redis that lost its tail, or a topic that was made again, is noticed even when no event comes. */
  const check = async (): Promise<void> => {
    const id = await log.id().catch(() => null)
    for (const [partition, hold] of holds) {
      if (id !== null && isOtherLog(hold.log, id)) {
        await retake(partition)
        continue
      }
      const stands = await hold.standing().catch(() => 'unknown' as const)
      if (stands === 'stale' && holds.get(partition) === hold) await retake(partition)
      else if (stands === 'ours') await consumer.commit(partition, hold.offset)
    }
  }
  const checking = setInterval(() => void check(), checkMs).unref()
  const expiring = setInterval(() => {
    for (const hold of holds.values()) hold.expire(now()).catch(() => {})
  }, expireMs).unref()

  return {
    get up() {
      return consumer.up
    },
    get failure() {
      return consumer.failure
    },
    get held() {
      return holds.size
    },
    get commits() {
      return commits
    },
    get stale() {
      return stale
    },
    get repeated() {
      return repeated
    },
    stop: async () => {
      stopped = true
      clearInterval(checking)
      clearInterval(expiring)
      await Promise.all([consumer.stop(), log.stop()])
    },
  }
}
