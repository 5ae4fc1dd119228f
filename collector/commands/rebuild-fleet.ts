import { setTimeout as delay } from 'node:timers/promises'
import type { KafkaConfig, RedisConfig } from '../../proxy/config/config.ts'
import { type KafkaClient, openKafka } from '../../proxy/kafka/connect.ts'
import { KafkaSilent, topicExtent } from '../../proxy/kafka/offsets.ts'
import { type Range, readRanges } from '../../proxy/kafka/range.ts'
import type { Logger } from '../../proxy/logger/logger.ts'
import { connectRedis, type RedisClient } from '../../proxy/redis/connect.ts'
import { partitionKey } from '../../proxy/redis/keys.ts'
import { foldMessage, memorySink } from '../fold/message.ts'
import { processKeys } from '../fold/projections/processes.ts'
import { createMemoryState, type State } from '../fold/state.ts'
import { followTopic } from '../source/kafka.ts'
import { readMeta, readPartition } from '../state/redis-read.ts'
import { difference } from './rebuild-log.ts'

export type FleetToRebuild = {
  readonly kafka: KafkaConfig
  readonly redis: RedisConfig
  readonly replayWindowMs: number
  readonly logger: Logger
  /** Called with a line of progress about once a second. */
  readonly progress: (line: string) => void
}

export type VerifiedPartition = {
  readonly partition: number
  readonly events: number
  /** Whether the topic still has every folded message; after retention or another topic a difference is expected. */
  readonly whole: boolean
  /** Null when equal byte for byte. */
  readonly difference: string | null
}

/** Redis has a state, and the operator did not allow to replace it. */
export class StateThere extends Error {}
export { KafkaSilent }

const number = (n: number): string => Math.round(n).toLocaleString('en')

const connected = async (config: RedisConfig, logger: Logger): Promise<RedisClient> => {
  const redis = connectRedis(config, 'mtscope-rebuild', logger)
  if (redis.status !== 'ready') await new Promise<void>((resolve) => redis.once('ready', () => resolve()))
  return redis
}

/** Reports progress and speed, about once a second. */
const meter = (label: string, total: number, report: (line: string) => void) => {
  const began = performance.now()
  let reported = began
  return (done: number, events: number): void => {
    const now = performance.now()
    if (now - reported < 1_000 && done < total) return
    reported = now
    const seconds = (now - began) / 1000
    const share = total === 0 ? 1 : done / total
    const left = share > 0 ? (seconds / share) * (1 - share) : 0
    report(
      `${label}: ${number(done)} of ${number(total)} messages (${Math.floor(share * 100)} %), ` +
        `${number(events)} events, ${number(events / seconds)} a second, ${number(left)} s left`,
    )
  }
}

/** A partition's state and the offset that belongs to it, although collectors go on writing. Null before its first take. */
const readConsistent = async (redis: RedisClient, prefix: string, partition: number) => {
  for (;;) {
    const read = await readPartition(redis, prefix, partition)
    if (read === null) return null
    const after = await readMeta(redis, prefix, partition)
    if (after?.version === read.meta.version && after.life === read.meta.life) return read
  }
}

/** Folds the topic in memory, each partition up to its offset in Redis, and compares. */
export const verifyFleet = async ({
  kafka,
  redis: at,
  logger,
  progress,
}: FleetToRebuild): Promise<VerifiedPartition[]> => {
  const client = openKafka(kafka, 'mtscope-rebuild', logger)
  const redis = await connected(at, logger)
  try {
    const extent = await topicExtent(client, kafka.topics.events)
    const stored = new Map<number, State>()
    const ranges = new Map<number, Range>()
    const replaced = new Set<number>()
    for (const [partition, { first }] of extent) {
      const read = await readConsistent(redis, at.prefix, partition)
      stored.set(partition, createMemoryState(read?.aggregates))
      if ((read?.meta.origin ?? 0) > 0) replaced.add(partition)
      ranges.set(partition, { from: first, to: read?.meta.offset ?? first })
    }
    const folded = await foldAgain(client, ranges, progress)
    const now = Date.now()
    return [...extent].map(([partition, { first }]) => {
      const state = folded.get(partition) ?? createMemoryState()
      const events = state.count('ever', 0, processKeys.events)
      const differs = difference(stored.get(partition)!, state, now)
      return { partition, events, whole: first === 0 && !replaced.has(partition), difference: differs }
    })
  } finally {
    redis.disconnect()
  }
}

const foldAgain = async (
  client: KafkaClient,
  ranges: ReadonlyMap<number, Range>,
  progress: (line: string) => void,
): Promise<Map<number, State>> => {
  const states = new Map<number, State>()
  const total = [...ranges.values()].reduce((sum, { from, to }) => sum + to - from, 0)
  const report = meter('folding in memory', total, progress)
  let [done, events] = [0, 0]
  await readRanges(client, client.config.topics.events, ranges, (partition, messages) => {
    const state = states.get(partition) ?? createMemoryState()
    states.set(partition, state)
    const sink = memorySink(state)
    for (const message of messages) events += foldMessage(sink, message)
    done += messages.length
    report(done, events)
  })
  return states
}

/** Deletes all keys of a partition. A collector that holds it finds out with its next write, and takes it again. */
const wipe = async (redis: RedisClient, prefix: string, partition: number): Promise<void> => {
  const keyOf = (name: string): string => partitionKey(prefix, partition, name)
  const names = await redis.zrangebyscore(keyOf('dirty'), '-inf', '+inf')
  await redis.unlink(['meta', 'dirty', 'emitters', 'recent', 'lasting', ...names].map(keyOf))
}

type Offsets = { readonly first: number; readonly next: number }

/** Events that Redis has counted in these partitions. */
const countEvents = async (
  redis: RedisClient,
  prefix: string,
  partitions: readonly number[],
): Promise<number> => {
  const counts = await Promise.all(
    partitions.map((partition) => redis.hget(partitionKey(prefix, partition, 'ever:0'), processKeys.events)),
  )
  return counts.reduce((sum, n) => sum + Number(n ?? 0), 0)
}

/** Resolves when Redis has every partition up to the end that `extent` gives. */
const untilFolded = async (
  redis: RedisClient,
  prefix: string,
  extent: ReadonlyMap<number, Offsets>,
  progress: (line: string) => void,
): Promise<void> => {
  const partitions = [...extent.keys()]
  const goal = [...extent.values()].reduce((sum, { next }) => sum + next, 0)
  const report = meter('folding into Redis', goal, progress)
  for (;;) {
    let [done, isWhole] = [0, true]
    for (const [partition, { first, next }] of extent) {
      const offset = Math.min(next, (await readMeta(redis, prefix, partition))?.offset ?? first)
      done += offset
      if (first !== next && offset < next) isWhole = false
    }
    report(done, await countEvents(redis, prefix, partitions))
    if (isWhole) return
    await delay(200)
  }
}

/**
 * Folds the whole topic into Redis from nothing, as one more collector of the group; running collectors take part.
 * Throws StateThere when Redis has a state and `replace` is false.
 */
export const rebuildFleet = async (fleet: FleetToRebuild, replace: boolean): Promise<void> => {
  const { kafka, logger, progress } = fleet
  const { prefix } = fleet.redis
  const client = openKafka(kafka, 'mtscope-rebuild', logger)
  const redis = await connected(fleet.redis, logger)
  const extent = await topicExtent(client, kafka.topics.events)
  const metas = await Promise.all([...extent.keys()].map((partition) => readMeta(redis, prefix, partition)))
  if (!replace && metas.some((meta) => meta !== null && meta.offset > 0)) {
    redis.disconnect()
    throw new StateThere(
      `Redis has a state under REDIS_PREFIX=${prefix}: add --replace to fold it again, or --verify to compare it`,
    )
  }
  for (const partition of extent.keys()) await wipe(redis, prefix, partition)
  const following = followTopic({
    client,
    redis,
    prefix,
    // The dead-letter topic has these messages already.
    deadLetters: { send: async () => {} },
    replayWindowMs: fleet.replayWindowMs,
    now: Date.now,
    logger,
  })
  try {
    await untilFolded(redis, prefix, extent, progress)
  } finally {
    await following.stop()
    redis.disconnect()
  }
}
