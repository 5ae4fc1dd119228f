import type { Config } from '../config/config.ts'
import type { Logger } from '../logger/logger.ts'
import { generatedUser, makeDataDir } from '../users/secret-store.ts'
import type { User } from '../users/user.ts'
import { fileKeeper } from './file.ts'
import type { Keeper, ManagedUser } from './managed-user.ts'
import { type UserStore, userStore } from './store.ts'
import type { TopicOptions } from './topic-access.ts'

export type StoreOptions = {
  readonly config: Pick<Config, 'dataDir' | 'kafka' | 'node' | 'usersKey'>
  readonly logger: Logger
  /** The users of `USER<n>_*` as they are now. */
  readonly ofSettings: () => readonly User[]
  /** True for a proxy and a collector, which follow the changes of others; false for a command. */
  readonly follow: boolean
  /** A proxy makes the generated user and the key where they are missing; a collector makes nothing. */
  readonly make?: boolean
  /** Makes no topic where there is none. */
  readonly readOnly?: boolean
}

const keeperOf = async (options: TopicOptions, follow: boolean): Promise<Keeper> =>
  follow
    ? (await import('./topic-follower.ts')).topicFollower(options)
    : (await import('./topic-once.ts')).topicOnce(options)

/** Throws a UserError, and a SecretsError for a damaged `secrets.json`. */
export const openUserStore = async ({
  config,
  logger,
  ofSettings,
  follow,
  make = follow,
  readOnly = false,
}: StoreOptions): Promise<UserStore> => {
  makeDataDir(config.dataDir)
  const first = (): readonly ManagedUser[] => {
    const made = (follow && !make) || ofSettings().length > 0 ? null : generatedUser(config.dataDir, make)
    return made === null ? [] : [{ ...made.user, addedAt: made.at, changedAt: made.at, by: 'generated' }]
  }
  const { dataDir, kafka, node } = config
  const kept = kafka !== null && generatedUser(dataDir, false) !== null
  if (kafka === null) return userStore(fileKeeper({ dataDir, logger, first, follow }), ofSettings)
  // Loaded only where Kafka is used.
  const { usersKey } = await import('./key.ts')
  const options = { kafka, key: usersKey(config, make), dataDir, node, logger, first, kept, readOnly }
  return userStore(await keeperOf(options, follow), ofSettings)
}
