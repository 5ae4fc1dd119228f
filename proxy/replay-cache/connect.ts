import type { Config, RedisConfig } from '../config/config.ts'
import type { Logger } from '../logger/logger.ts'
import { connectRedis, refusalCountsOf } from '../redis/connect.ts'
import type { RefusalCounts } from '../redis/refusal.ts'
import { type SharedClaims, sharedClaims } from './redis.ts'

/** Connects to the replay cache of the fleet. */
export const connectClaims = (
  redis: RedisConfig,
  { node, replayWindowMs }: Pick<Config, 'node' | 'replayWindowMs'>,
  logger: Logger,
): SharedClaims & { readonly refusals: Readonly<RefusalCounts>; close(): void } => {
  // Notices a silent Redis soon: an answer after a second is of no use.
  const client = connectRedis(redis, `mtscope-${node}`, logger, { timeoutMs: 1_000 })
  const claims = sharedClaims({ redis: client, prefix: redis.prefix, windowMs: replayWindowMs })
  return { ...claims, refusals: refusalCountsOf(client), close: () => client.disconnect() }
}
