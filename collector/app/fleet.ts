import { setTimeout as delay } from 'node:timers/promises'
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
import { totalsOf } from '../read/user-totals.ts'
import { watchEnds } from '../source/ends.ts'
import { followTopic } from '../source/kafka.ts'
import { type Mirror, openMirror } from '../state/mirror.ts'
import type { Collector } from './collector.ts'
import { createProgress } from './fleet-progress.ts'
import { pauseAfter } from './refresh-pause.ts'

export type FleetCollector = Omit<Collector, 'stop'> & {
  /** Null when it can answer, else the reason. */
  unready(): string | null
  /** Leaves the group and hands over the alerts. */
  stop(): Promise<void>
}

type FleetOptions = {
  readonly config: Pick<Config, 'node' | 'alertFactor' | 'replayWindowMs' | 'webhook'>
  readonly kafka: NonNullable<Config['kafka']>
  readonly redis: NonNullable<Config['redis']>
  readonly version: string
  readonly now: () => number
  /** Ms, of a clock that is never set. */
  readonly steady?: () => number
  readonly logger: Logger
  /** Refused requests by reason, if the server is the collector's own. */
  readonly httpRefusals?: () => Readonly<Record<string, number>>
}

/** Redis counts as down when the copy is older than this. */
const staleMs = 15_000

/** The connections of a collector, with the readers and writers on them. */
const connect = ({ config, logger, now, ...options }: FleetOptions, steady: () => number) => {
  const { prefix } = options.redis
  const name = `mtscope-collector-${config.node}`
  const client = openKafka(options.kafka, name, logger)
  const redis = connectRedis(options.redis, name, logger)
  const deadLetters = openProducer(client, options.kafka.topics.deadLetters)
  const alerts = openProducer(client, options.kafka.topics.alerts)
  const ends = watchEnds(client)
  const { replayWindowMs } = config
  const following = followTopic({ client, redis, prefix, deadLetters, replayWindowMs, now, logger })
  const mirror = openMirror({
    redis,
    prefix,
    partitions: () => ends.partitions,
    waiting: ends.waiting,
    steady,
  })
  const close = async (): Promise<void> => {
    await Promise.all([deadLetters.close(), alerts.close()])
    redis.disconnect()
  }
  return { redis, alerts, ends, following, mirror, close }
}
type Connected = ReturnType<typeof connect>

/** Refreshes the mirror every second or few, and calls `after` after each refresh, until it is stopped. */
const startRefreshing = (
  mirror: Mirror,
  now: () => number,
  steady: () => number,
  after: () => Promise<void>,
) => {
  const first = Promise.withResolvers<void>()
  let refreshedAt = 0
  let stopped = false
  /** The clock of expiry; 0 until the first refresh, since only the state knows the time of the last event. */
  let expiryClock = (): number => 0
  const run = async (): Promise<void> => {
    while (!stopped) {
      const began = steady()
      try {
        await mirror.refresh(expiryClock())
        if (refreshedAt === 0) expiryClock = patientClock(now, steady, mirror.state.latest)
        await after()
        refreshedAt = steady()
        first.resolve()
      } catch {
        // Redis is away: its connection has logged it, and `isFresh` turns false.
      }
      await delay(pauseAfter(steady() - began), undefined, { ref: false })
    }
  }
  void run()
  return {
    first: first.promise,
    isBlank: () => refreshedAt === 0,
    isFresh: () => refreshedAt > 0 && steady() - refreshedAt < staleMs,
    /** Ms since the last refresh; 0 before the first. */
    ageMs: () => (refreshedAt === 0 ? 0 : steady() - refreshedAt),
    stop: () => {
      stopped = true
    },
  }
}

/** Why Kafka and Redis fail, as sentences for alerts; null while they do not. */
const reasonsOf = ({ following, redis }: Connected) => {
  const refusal = refusalOf(redis)
  const { failure } = following
  return {
    kafka: failure === null ? null : `${failure}: ${hintOf(failure) ?? 'no broker answers as it should'}`,
    redis: refusal === null ? null : `${refusal}: ${refusals[refusal]}`,
  }
}

/**
 * One collector of a fleet: folds its share of the events into Redis, and answers for the whole fleet from a copy of the
 * state. It starts whether or not Kafka and Redis are reachable, and waits for them.
 */
export const startFleetCollector = (options: FleetOptions): FleetCollector => {
  const { config, version, now, steady = () => performance.now(), logger } = options
  const { prefix } = options.redis
  const connected = connect(options, steady)
  const { redis, following, mirror, ends } = connected
  const progress = createProgress(mirror, ends, now, steady)
  const expose = createExposition()
  const up = () => ({ kafka: following.up, redis: refreshing.isFresh() && refusalOf(redis) === null })
  const deciding = startDeciding({
    ...{ redis, prefix, now, steady, logger, up },
    state: mirror.state,
    lagMs: progress.lagMs,
    able: () => following.up && refreshing.isFresh(),
    alerts: connected.alerts,
    webhook: config.webhook,
    self: config.node,
    why: () => reasonsOf(connected),
    factor: config.alertFactor,
  })
  const refreshing = startRefreshing(mirror, now, steady, deciding.refresh)
  const exposed = () => ({
    ...{ now: now(), fleet: prefix, lagMs: progress.lagMs(), repeated: following.repeated },
    settled: !refreshing.isBlank() && progress.settled(),
    active: deciding.active(),
    raisedTotal: deciding.raisedTotal(),
    blank: refreshing.isBlank(),
    fleetwork: {
      ...{ behind: progress.behind(), foldedRatio: progress.foldedRatio(), replaced: mirror.replaced },
      refused: [...mirror.metas.values()].reduce((sum, { refused }) => sum + refused, 0),
      ...{ held: following.held, commits: following.commits, stale: following.stale },
      mirrorAgeMs: refreshing.ageMs(),
      up: up(),
      failing: { kafka: following.failure, redis: refusalOf(redis) },
      httpRefusals: options.httpRefusals?.() ?? null,
    },
  })
  return {
    caughtUp: refreshing.first,
    unready: () => {
      if (refreshing.isBlank()) return 'waiting for Redis'
      if (!refreshing.isFresh()) return 'Redis does not answer'
      return following.up ? null : 'waiting for Kafka'
    },
    status: () =>
      buildStatus(mirror.state, { version, alerts: deciding.list(), lagMs: progress.lagMs(), now: now() }),
    alerts: deciding.list,
    exposition: (accept) => expose(mirror.state, exposed(), accept),
    totals: (user) => (refreshing.isBlank() ? null : totalsOf(mirror.state, now(), user)),
    stop: async () => {
      refreshing.stop()
      await Promise.all([following.stop(), deciding.stop(), ends.stop()])
      await connected.close()
    },
  }
}
