import { randomInt } from 'node:crypto'
import type { Config } from '../../config/config.ts'
import { congestionFor, hostCongestion } from '../../host/congestion.ts'
import { replayMemory } from '../../replay-cache/memory.ts'
import { budgetMemory } from '../budget.ts'
import { capacityMemory } from '../capacity.ts'
import { type Changeable, type EventBudget, type RelaySettings, relaySettingNames } from '../settings.ts'

/** Size of one unauthenticated connection in the event log, bytes. */
const eventBytes = 1_100
/** The burst is as large as an hour at the rate. */
const burstSeconds = 3_600

/**
 * One worker's share of UNAUTHENTICATED_EVENTS_PER_SECOND. In a local event log, unauthenticated clients get a quarter of
 * it over LOG_MAX_AGE at most, so that a flood does not push out the history of users. With Kafka only the rate holds.
 */
export const eventBudgetOf = (
  config: Pick<Config, 'kafka' | 'logMaxBytes' | 'logMaxAgeMs' | 'unauthenticatedEvents' | 'workers'>,
): EventBudget => {
  const rate = config.unauthenticatedEvents
  const most = config.logMaxBytes / 4 / eventBytes
  const burst = Math.min(rate * burstSeconds, most / 4)
  const perSecond =
    config.kafka === null ? Math.min(rate, (most - burst) / (config.logMaxAgeMs / 1_000)) : rate
  return { perSecond: perSecond / config.workers, burst: Math.floor(burst / config.workers) }
}

type Taken = Pick<Config, (typeof relaySettingNames)[number]>

/**
 * Start parameters of relay threads: shared limits, a shared replay cache, and each thread's share of the pool and the
 * event budget. `connections`: how many the machine has room for.
 */
export const configured = (
  config: Config,
  connections = config.maxConnections,
): Omit<RelaySettings, keyof Changeable | 'worker' | 'listeners' | 'userCounts'> => ({
  ...(Object.fromEntries(relaySettingNames.map((name) => [name, config[name]])) as Taken),
  maxConnections: Math.min(config.maxConnections, connections),
  connectionLimit: connections < config.maxConnections ? 'file-descriptors' : 'connections',
  congestion: congestionFor(config.congestion, hostCongestion()),
  capacity: capacityMemory(config.workers),
  budget: budgetMemory(),
  workers: config.workers,
  prefixSeed: randomInt(2 ** 32),
  poolSize: Math.ceil(config.poolSize / config.workers),
  middleProxyConnections: Math.ceil(config.middleProxyConnections / config.workers),
  eventBudget: eventBudgetOf(config),
  replay: replayMemory(config.replayEntries),
  sharedReplay: config.redis === null ? null : config.replayOnRedisLoss,
  shipped: config.kafka !== null,
})
