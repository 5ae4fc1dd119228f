import type { Config } from '../../proxy/config/config.ts'
import { patientClock } from '../../proxy/event-log/patient-clock.ts'
import { openKafka } from '../../proxy/kafka/connect.ts'
import { hintOf } from '../../proxy/kafka/errors.ts'
import { openProducer } from '../../proxy/kafka/producer.ts'
import type { Logger } from '../../proxy/logger/logger.ts'
import { connectRedis, refusalOf } from '../../proxy/redis/connect.ts'
import { refusals } from '../../proxy/redis/refusal.ts'
import { startDeciding } from '../alerts/engine/deciding.ts'
import { createExposition } from '../read/exposition.ts'
import { buildStatus } from '../read/status-builder.ts'
import { watchEnds } from '../source/ends.ts'
import { followTopic } from '../source/kafka.ts'
import { foldedShare, watchStart, watchWaiting } from '../source/lag.ts'
import { openMirror } from '../state/mirror.ts'
import type { Collector } from './collector.ts'

export type FleetCollector = Omit<Collector, 'stop'> & {
  /** Null when it can answer, else why not. */
  unready(): string | null
  /** Leaves the group, hands over the alerts. */
  stop(): Promise<void>
}

const refreshMs = 1_000
/** A copy older than this is told as such. */
const staleMs = 15_000

/**
 * One collector of a fleet: folds its share of the events into Redis, and answers for the whole fleet from a copy of what
 * all of them have folded. Starts whether or not Kafka and Redis are there, and waits for them.
 */
export const startFleetCollector = (options: {
  readonly config: Pick<Config, 'node' | 'alertFactor' | 'replayWindowMs' | 'webhook'>
  readonly kafka: NonNullable<Config['kafka']>
  readonly redis: NonNullable<Config['redis']>
  readonly version: string
  readonly now: () => number
  /** Ms, of a clock that is never set. */
  readonly steady?: () => number
  readonly logger: Logger
}): FleetCollector => {
  const { config, version, now, steady = () => performance.now(), logger } = options
  const { prefix } = options.redis
  const client = openKafka(options.kafka, `mtscope-collector-${config.node}`, logger)
  const redis = connectRedis(options.redis, `mtscope-collector-${config.node}`, logger)
  const deadLetters = openProducer(client, options.kafka.topics.deadLetters)
  const alerts = openProducer(client, options.kafka.topics.alerts)
  const ends = watchEnds(client)
  const following = followTopic({
    client,
    redis,
    prefix,
    deadLetters,
    replayWindowMs: config.replayWindowMs,
    now,
    logger,
  })
  const mirror = openMirror({
    redis,
    prefix,
    partitions: () => ends.partitions,
    waiting: ends.waiting,
    steady,
  })
  const expose = createExposition()
  /** By the steady clock; 0: never. */
  let refreshedAt = 0
  let stopped = false

  /** Messages that nobody has folded yet, by partition. */
  const behind = (): Map<number, number> =>
    new Map(
      [...mirror.metas].map(([partition, { offset, end }]) => [
        partition,
        ends.waiting(partition, offset) ?? Math.max(0, end - offset),
      ]),
    )
  /** A partition whose state is gone is folded from its beginning. */
  const foldedRatio = (): number | null =>
    foldedShare(
      Array.from({ length: ends.partitions }, (_, partition) => ({
        messages: ends.messages(partition),
        waiting: ends.waiting(partition, mirror.metas.get(partition)?.offset ?? 0),
      })),
    )
  /** How old the facts are that come next, where any are waiting. */
  const lagOf = watchWaiting()
  const lagMs = (): number =>
    lagOf(
      new Map(
        [...behind()].map(([partition, waiting]) => [
          partition,
          { waiting, foldedAt: mirror.metas.get(partition)?.foldedAt ?? 0 },
        ]),
      ),
      now(),
      steady(),
    )
  const settledAt = watchStart(steady(), ends)
  const settled = (): boolean =>
    refreshedAt > 0 && settledAt((partition) => mirror.metas.get(partition)?.offset ?? 0, steady())
  const failing = () => ({ kafka: following.failure, redis: refusalOf(redis) })
  const up = () => ({ kafka: following.up, redis: fresh() && failing().redis === null })
  const fresh = (): boolean => refreshedAt > 0 && steady() - refreshedAt < staleMs

  const deciding = startDeciding({
    redis,
    prefix,
    state: mirror.state,
    lagMs,
    able: () => following.up && fresh(),
    alerts,
    webhook: config.webhook,
    self: config.node,
    up,
    why: () => {
      const { kafka, redis: refused } = failing()
      return {
        kafka: kafka === null ? null : `${kafka}: ${hintOf(kafka) ?? 'no broker answers as it should'}`,
        redis: refused === null ? null : `${refused}: ${refusals[refused]}`,
      }
    },
    factor: config.alertFactor,
    now,
    steady,
    logger,
  })

  const first = Promise.withResolvers<void>()
  /** Nothing is forgotten before the first look: until then it is not known when the last event was. */
  let forgetBy = (): number => 0
  const refresh = async (): Promise<void> => {
    while (!stopped) {
      try {
        await mirror.refresh(forgetBy())
        if (refreshedAt === 0) forgetBy = patientClock(now, steady, mirror.state.latest)
        await deciding.refresh()
        refreshedAt = steady()
        first.resolve()
      } catch {
        // Redis is away; its connection has said so, and `fresh` tells.
      }
      await new Promise((resolve) => setTimeout(resolve, refreshMs).unref())
    }
  }
  void refresh()

  return {
    caughtUp: first.promise,
    unready: () => {
      if (refreshedAt === 0) return 'waiting for Redis'
      if (!fresh()) return 'Redis does not answer'
      return following.up ? null : 'waiting for Kafka'
    },
    status: () => buildStatus(mirror.state, { version, alerts: deciding.list(), lagMs: lagMs(), now: now() }),
    alerts: () => deciding.list(),
    exposition: (accept) =>
      expose(
        mirror.state,
        {
          now: now(),
          fleet: prefix,
          lagMs: lagMs(),
          repeated: following.repeated,
          settled: settled(),
          active: deciding.active(),
          raisedTotal: deciding.raisedTotal(),
          blank: refreshedAt === 0,
          fleetwork: {
            behind: behind(),
            foldedRatio: foldedRatio(),
            replaced: mirror.replaced,
            refused: [...mirror.metas.values()].reduce((sum, { refused }) => sum + refused, 0),
            held: following.held,
            commits: following.commits,
            stale: following.stale,
            mirrorAgeMs: refreshedAt === 0 ? 0 : steady() - refreshedAt,
            up: up(),
            failing: failing(),
          },
        },
        accept,
      ),
    stop: async () => {
      stopped = true
      await Promise.all([following.stop(), deciding.stop(), ends.stop()])
      await Promise.all([deadLetters.close(), alerts.close()])
      redis.disconnect()
    },
  }
}
