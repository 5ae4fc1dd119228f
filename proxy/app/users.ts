import type { Config } from '../config/config.ts'
import type { ProxyEvent } from '../events/contract.ts'
import type { RelayUser } from '../relay/settings.ts'
import { type Link, linksOf } from '../users/links.ts'
import { keptUser } from '../users/secret-store.ts'
import type { User } from '../users/user.ts'

export type CurrentUsers = {
  has(name: string): boolean
  readonly forRelay: readonly RelayUser[]
  linksAt(place: Place): readonly Link[]
  /** Takes the users of `next`. Throws when users were configured and none is left. */
  replace(next: Config): Omit<Extract<ProxyEvent, { type: 'config.reloaded' }>, 'v' | 'type' | 'at'>
}

type Place = Parameters<typeof linksOf>[2]

/** The users of the settings; without any, the one whose secret is kept in DATA_DIR. */
export const currentUsers = (config: Config): CurrentUsers => {
  const usersOf = (from: Config): readonly User[] =>
    from.users.length > 0 ? from.users : [keptUser(config.dataDir)]
  let users = usersOf(config)
  let configured = config.users.length > 0
  return {
    get forRelay() {
      return users.map(({ name, secret }) => ({ name, secret: secret.bytes() }))
    },
    has: (name) => users.some((user) => user.name === name),
    linksAt: (place) => linksOf(users, config.modes, place),
    replace: (next) => {
      // An empty .env is an accident: no client has the secret that would be made instead.
      if (configured && next.users.length === 0)
        throw new Error('no USER<n>_SECRET is set any more: set them again in .env, or restart')
      const before = new Set(users.map(({ name }) => name))
      users = usersOf(next)
      configured = next.users.length > 0
      const after = new Set(users.map(({ name }) => name))
      return {
        users: users.length,
        added: [...after].filter((name) => !before.has(name)),
        removed: [...before].filter((name) => !after.has(name)),
      }
    },
  }
}
