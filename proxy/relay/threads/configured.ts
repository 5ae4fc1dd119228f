import { randomInt } from 'node:crypto'
import type { Config } from '../../config/config.ts'
import { replayMemory } from '../../replay-cache/memory.ts'
import { budgetMemory } from '../budget.ts'
import { roomMemory } from '../capacity.ts'
import type { Changeable, RelaySettings } from '../settings.ts'
import type { EventBudget } from './event-budget.ts'

/** Of one unauthenticated connection in the log, bytes. */
const eventBytes = 1_100
/** As many connections as come in an hour at the rate may come together. */
const burstSeconds = 3_600

/**
 * The share of one of `workers`. In a log of its own, unauthenticated clients get a quarter at most over LOG_MAX_AGE, so
 * that a flood does not push out the history of users; with Kafka the rate alone holds.
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

/**
 * What the settings say to each relay thread: limits and a replay cache that all threads have in common, and its
 * share of the pool. `connections` is what the machine has room for, when that is less than MAX_CONNECTIONS.
 */
export const configured = (
  config: Config,
  connections = config.maxConnections,
): Omit<RelaySettings, keyof Changeable | 'worker' | 'port'> => ({
  host: config.host,
  portable: config.portable,
  modes: config.modes,
  tlsDomain: config.tlsDomain,
  fastMode: config.fastMode,
  toClientBuffer: config.toClientBuffer,
  toDatacenterBuffer: config.toDatacenterBuffer,
  dialTimeoutMs: config.dialTimeoutMs,
  handshakeTimeoutMs: config.handshakeTimeoutMs,
  firstByteTimeoutMs: config.firstByteTimeoutMs,
  ackTimeoutMs: config.ackTimeoutMs,
  idleTimeoutMs: config.idleTimeoutMs,
  stallTimeoutMs: config.stallTimeoutMs,
  clockSkewSeconds: config.clockSkewSeconds,
  maxConnections: Math.min(config.maxConnections, connections),
  connectionLimit: connections < config.maxConnections ? 'file-descriptors' : 'connections',
  maxHandshakes: config.maxHandshakes,
  room: roomMemory(),
  budget: budgetMemory(),
  prefixSeed: randomInt(2 ** 32),
  poolSize: Math.ceil(config.poolSize / config.workers),
  eventBudget: eventBudgetOf(config),
  replay: replayMemory(config.replayEntries),
  sharedReplay: config.redis === null ? null : config.replayOnRedisLoss,
})
