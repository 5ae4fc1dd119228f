import { randomInt } from 'node:crypto'
import type { Config } from '../config.ts'
import { replayMemory } from '../replay/memory.ts'
import { roomMemory } from './room.ts'
import type { Changeable, RelaySettings } from './settings.ts'

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
  prefixSeed: randomInt(2 ** 32),
  poolSize: Math.ceil(config.poolSize / config.workers),
  replay: replayMemory(config.replayEntries),
  sharedReplay: config.redis === null ? null : config.replayOnRedisLoss,
})
