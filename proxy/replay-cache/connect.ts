import type { Config, RedisConfig } from '../config/config.ts'
import type { Logger } from '../logger/logger.ts'
import { connectRedis } from '../redis/connect.ts'
import { type SharedClaims, sharedClaims } from './redis.ts'

/** The replay cache of the fleet, as this proxy reaches it. */
export const connectClaims = (
  redis: RedisConfig,
  { node, replayWindowMs }: Pick<Config, 'node' | 'replayWindowMs'>,
  logger: Logger,
): SharedClaims & { close(): void } => {
  // A silent Redis must be noticed: a command that takes a second is lost anyway.
  const client = connectRedis(redis, `mtscope-${node}`, logger, { timeoutMs: 1_000 })
  const claims = sharedClaims({ redis: client, prefix: redis.prefix, windowMs: replayWindowMs })
  return { claim: claims.claim, counts: claims.counts, close: () => client.disconnect() }
}
