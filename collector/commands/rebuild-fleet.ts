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
  /** Gets a line of progress about once a second. */
  readonly progress: (line: string) => void
}

export type VerifiedPartition = {
  readonly partition: number
  readonly events: number
  /** Whether the topic still has all that was folded; else a difference is what retention or an earlier topic took. */
  readonly whole: boolean
  /** Null when equal to the byte. */
  readonly difference: string | null
}

export class StateThere extends Error {}
export { KafkaSilent }

const number = (n: number): string => Math.round(n).toLocaleString('en')

const connected = async (config: RedisConfig, logger: Logger): Promise<RedisClient> => {
  const redis = connectRedis(config, 'mtscope-rebuild', logger)
  if (redis.status !== 'ready') await new Promise<void>((resolve) => redis.once('ready', () => resolve()))
  return redis
}

/** Tells how far something is, and how fast. */
const meter = (what: string, total: number, report: (line: string) => void) => {
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
      `${what}: ${number(done)} of ${number(total)} messages (${Math.floor(share * 100)} %), ` +
        `${number(events)} events, ${number(events / seconds)} a second, ${number(left)} s left`,
    )
  }
}

/** The state of a partition together with the offset it stands at, though collectors go on writing. */
const standingStill = async (redis: RedisClient, prefix: string, partition: number) => {
  for (;;) {
    const read = await readPartition(redis, prefix, partition)
    if (read === null) return null
    const after = await readMeta(redis, prefix, partition)
    if (after?.version === read.meta.version && after.life === read.meta.life) return read
  }
}

/** Folds the topic again in memory up to where each partition stands in Redis, and compares. */
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
      const read = await standingStill(redis, at.prefix, partition)
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

/** All keys of a partition at once: whoever holds it is told so by its next write, and begins again. */
const wipe = async (redis: RedisClient, prefix: string, partition: number): Promise<void> => {
  const keyOf = (name: string): string => partitionKey(prefix, partition, name)
  const names = await redis.zrangebyscore(keyOf('dirty'), '-inf', '+inf')
  await redis.unlink(['meta', 'dirty', 'emitters', 'recent', 'lasting', ...names].map(keyOf))
}

/**
 * Folds everything that the topic has into Redis from nothing, as one more collector of the group: those that run help.
 * Throws StateThere when there is a state already and `replace` does not say that it may go.
 */
export const rebuildFleet = async (fleet: FleetToRebuild, replace: boolean): Promise<void> => {
  const { kafka, logger, progress } = fleet
  const { prefix } = fleet.redis
  const client = openKafka(kafka, 'mtscope-rebuild', logger)
  const redis = await connected(fleet.redis, logger)
  const extent = await topicExtent(client, kafka.topics.events)
  const metas = async () =>
    Promise.all([...extent.keys()].map((partition) => readMeta(redis, prefix, partition)))
  if (!replace && (await metas()).some((meta) => meta !== null && meta.offset > 0)) {
    redis.disconnect()
    throw new StateThere(
      `Redis has a state under ${prefix}: say --replace to fold it again, or --verify to compare it`,
    )
  }
  for (const partition of extent.keys()) await wipe(redis, prefix, partition)
  const following = followTopic({
    client,
    redis,
    prefix,
    // They are there already: only what is new is kept aside.
    deadLetters: { send: async () => {} },
    replayWindowMs: fleet.replayWindowMs,
    now: Date.now,
    logger,
  })
  const goal = [...extent.values()].reduce((sum, { next }) => sum + next, 0)
  const report = meter('folding into Redis', goal, progress)
  try {
    for (;;) {
      const stand = await metas()
      const offsets = [...extent.values()].map(({ first, next }, i) =>
        Math.min(next, stand[i]?.offset ?? first),
      )
      const done = offsets.reduce((sum, offset) => sum + offset, 0)
      const events = await Promise.all(
        [...extent.keys()].map((p) => redis.hget(partitionKey(prefix, p, 'ever:0'), processKeys.events)),
      )
      report(
        done,
        events.reduce((sum, n) => sum + Number(n ?? 0), 0),
      )
      if ([...extent.values()].every(({ first, next }, i) => first === next || (offsets[i] ?? 0) >= next))
        return
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  } finally {
    await following.stop()
    redis.disconnect()
  }
}
