import { setTimeout as delay } from 'node:timers/promises'
import type { KafkaClient } from '../../proxy/kafka/connect.ts'
import { type Incoming, openConsumer, type Turn } from '../../proxy/kafka/consumer.ts'
import type { KafkaFailure } from '../../proxy/kafka/errors.ts'
import type { Producer } from '../../proxy/kafka/producer.ts'
import { openTopicLog, type TopicLog } from '../../proxy/kafka/topic-log.ts'
import type { Logger } from '../../proxy/logger/logger.ts'
import type { RedisClient } from '../../proxy/redis/connect.ts'
import { datingOf } from '../fold/dating.ts'
import { deadLetterKey } from '../fold/fold.ts'
import { openMessage } from '../fold/message.ts'
import type { Hold } from '../state/redis-hold.ts'
import { type DeadLetters, openDeadLetters } from './dead-letters.ts'
import { createOwnership, type Ownership } from './ownership.ts'
import { costAtMost, foldParts } from './parts.ts'
import { type Refill, replayRefill } from './refill.ts'
import { isOtherLog } from './same-log.ts'

export type FollowedTopic = {
  /** Whether this member is in the group. */
  readonly up: boolean
  /** Why it is not; null when it is, or the reason is unknown. */
  readonly failure: KafkaFailure | null
  /** Partitions that this collector folds now. */
  readonly held: number
  /** Since the start of this process: commits, takes of a stale partition, repeated events. */
  readonly commits: number
  readonly stale: number
  readonly repeated: number
  /** Leaves the group. The next owner folds uncommitted events again. */
  stop(): Promise<void>
}

export type TopicToFollow = {
  readonly client: KafkaClient
  readonly redis: RedisClient
  readonly prefix: string
  /** Where unreadable messages go. */
  readonly deadLetters: Pick<Producer, 'send'>
  readonly replayWindowMs: number
  readonly now: () => number
  readonly logger: Logger
}

const checkMs = 2_000
const expireMs = 60_000
const retryMs = 250
/** Interval of heartbeats while a turn takes long, so that the group keeps this member. */
const beatMs = 1_000

type Follower = {
  readonly now: () => number
  readonly logger: Logger
  readonly ownership: Ownership
  readonly letters: DeadLetters
  readonly refill: Refill
  commits: number
  repeated: number
  /** The last refusal of a script that was logged. */
  refusal: string
}

/** Logs once that a script found a key of another type. */
const reportRefusal = (follower: Follower, error: unknown): void => {
  const refusal = String(error).slice(0, 200)
  if (!refusal.includes('MTSCOPE') || refusal === follower.refusal) return
  follower.refusal = refusal
  follower.logger('error', 'redis-refused', {
    error: refusal,
    hint: 'another program writes keys under REDIS_PREFIX: delete that key',
  })
}

/** Writes the folded events, and tries again while Redis is away; false once the partition is not ours, or was stale. */
const commit = async (
  follower: Follower,
  hold: Hold,
  turn: Turn,
  offset: number,
  part = 0,
): Promise<boolean> => {
  const { ownership, letters } = follower
  await letters.flush()
  while (turn.alive() && ownership.holds.get(turn.partition) === hold) {
    try {
      if ((await hold.commit(offset, turn.end, part)) === 'advanced') {
        follower.commits++
        return true
      }
      await ownership.retake(turn.partition)
      return false
    } catch (error) {
      reportRefusal(follower, error)
      await delay(retryMs)
      await turn.heartbeat()
    }
  }
  ownership.release(hold)
  return false
}

/** Folds a message, or keeps it aside; false once the partition is not ours. */
const foldMessage = async (
  follower: Follower,
  hold: Hold,
  turn: Turn,
  message: Incoming,
): Promise<boolean> => {
  const { letters, refill, now } = follower
  const { broken, batches } = openMessage(message)
  const dating = datingOf(message.at, message.sentAt)
  const isFolded = await foldParts(
    hold,
    message.offset,
    batches,
    (batch) => {
      follower.repeated += hold.fold(batch, dating).repeated
      refill(batch.events, now(), dating)
    },
    (part) => commit(follower, hold, turn, message.offset, part),
  )
  if (!isFolded) return false
  if (broken === null) return true
  // Written together with the next offset, so that it counts once.
  hold.count(deadLetterKey(broken), message.at)
  await letters.add(turn.partition, message, broken)
  return true
}

const foldTurn = async (follower: Follower, turn: Turn, messages: readonly Incoming[]): Promise<void> => {
  const { ownership, logger } = follower
  const { partition, from, to } = turn
  const hold = ownership.holds.get(partition)
  if (hold === undefined) {
    // Positions the consumer, so that these messages come again.
    await ownership.take(partition)
    return
  }
  if (turn.end < hold.offset) {
    // The log ends before the offset: it is another one, or lost its tail.
    ownership.release(hold)
    await ownership.take(partition)
    return
  }
  if (from > hold.offset) {
    if (ownership.rewind(hold)) return
    logger('warn', 'events-gone', { partition, messages: from - hold.offset })
  }
  let next = hold.offset
  for (const message of messages) {
    if (message.offset < next) continue
    if (!(await foldMessage(follower, hold, turn, message))) return
    next = message.offset + 1
    if (hold.cost > costAtMost && !(await commit(follower, hold, turn, next))) return
  }
  // The last offsets of a turn may be markers of transactions, which are not messages.
  next = Math.max(next, to)
  if (next > hold.offset && (await commit(follower, hold, turn, next))) ownership.wrote(hold)
}

/** Finds a Redis that lost its tail, or a recreated topic, although no event arrives. Stores the offsets in Kafka. */
const check = async (
  { ownership }: Follower,
  log: TopicLog,
  store: (partition: number, offset: number) => Promise<void>,
): Promise<void> => {
  const id = await log.id().catch(() => null)
  for (const [partition, hold] of ownership.holds) {
    if (id !== null && isOtherLog(hold.log, id)) {
      await ownership.retake(partition)
      continue
    }
    const standing = await hold.standing().catch(() => 'unknown' as const)
    if (standing === 'stale' && ownership.holds.get(partition) === hold) await ownership.retake(partition)
    else if (standing === 'ours') await store(partition, hold.offset)
  }
}

/**
 * Folds `mtscope.events` into Redis, as one of several collectors. A partition has one owner, and its offset moves with its
 * aggregates in one stroke, so that every event counts once. While Redis is away nothing is folded: Kafka keeps the events.
 */
export const followTopic = (options: TopicToFollow): FollowedTopic => {
  const { client, redis, prefix, now, logger } = options
  const { events: topic } = client.config.topics
  const log = openTopicLog(client, topic)
  const seek = (partition: number, offset: number): void => consumer.seek(partition, offset)
  const ownership = createOwnership({ redis, prefix, topic, log, now, logger, seek })
  const follower: Follower = {
    ...{ now, logger, ownership },
    letters: openDeadLetters(topic, options.deadLetters, logger),
    refill: replayRefill({ redis, prefix, windowMs: options.replayWindowMs, logger }),
    ...{ commits: 0, repeated: 0, refusal: '' },
  }
  const batch = async (turn: Turn, messages: readonly Incoming[]): Promise<void> => {
    const beating = setInterval(() => turn.heartbeat().catch(() => {}), beatMs)
    await foldTurn(follower, turn, messages).finally(() => clearInterval(beating))
  }
  const consumer = openConsumer(
    client,
    { topic, group: `${prefix}-collector` },
    { assigned: ownership.assign, batch },
  )
  const checking = setInterval(() => void check(follower, log, consumer.commit), checkMs).unref()
  const expiring = setInterval(() => {
    for (const hold of ownership.holds.values()) hold.expire(now()).catch(() => {})
  }, expireMs).unref()

  return {
    get up() {
      return consumer.up
    },
    get failure() {
      return consumer.failure
    },
    get held() {
      return ownership.holds.size
    },
    get commits() {
      return follower.commits
    },
    get stale() {
      return ownership.stale
    },
    get repeated() {
      return follower.repeated
    },
    stop: async () => {
      ownership.stop()
      clearInterval(checking)
      clearInterval(expiring)
      await Promise.all([consumer.stop(), log.stop()])
    },
  }
}
