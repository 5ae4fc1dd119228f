import type { Config } from '../config/config.ts'
import { nameKey } from '../config/user-name.ts'
import type { ProxyEvent } from '../events/contract.ts'
import type { Logger } from '../logger/logger.ts'
import type { RelayUser } from '../relay/settings.ts'
import type { UsersReport } from '../telemetry/sources.ts'
import type { ManagedUser } from '../user-store/managed-user.ts'
import type { UserStore } from '../user-store/store.ts'
import { type Link, type LinkPlace, linksOf } from '../users/links.ts'
import type { User } from '../users/user.ts'
import type { UserLimitsInForce } from './user-limits.ts'

/** A user with its source: `USER<n>_*`, which only a reload changes, or the user store. */
export type SourcedUser =
  | (User & { readonly source: 'setting' })
  | (ManagedUser & { readonly source: 'store' })

export type CurrentUsers = {
  /** Those of the settings first. */
  readonly all: readonly SourcedUser[]
  readonly store: UserStore
  /** All of them, with their limits: a disabled one is refused by name. */
  readonly forRelay: readonly RelayUser[]
  report(): UsersReport
  linksAt(places: readonly LinkPlace[], most?: number): readonly Link[]
  /** Takes the users of `next`. Throws when users were configured and none is left. */
  replace(next: Config): Omit<Extract<ProxyEvent, { type: 'config.reloaded' }>, 'v' | 'type' | 'at'>
}

/** The users of the store that clash with none of the settings, which have precedence; others are logged. */
const withoutClashes = (ofSettings: readonly User[], store: UserStore, logger: Logger): ManagedUser[] => {
  const names = new Set(ofSettings.map(({ name }) => nameKey(name)))
  const secrets = new Set(ofSettings.map(({ secret }) => secret.hex()))
  return store.list().filter(({ name, secret }) => {
    const taken = names.has(nameKey(name)) ? 'name' : secrets.has(secret.hex()) ? 'secret' : null
    if (taken === null) return true
    const hint = `a user of USER<n>_* has its ${taken}, and has precedence: remove one of the two`
    logger('warn', 'user-clash', { user: name, hint })
    return false
  })
}

/** The users of the settings and of the store together. `settings` is read again after each reload. */
export const currentUsers = (
  settings: { config: Config },
  store: UserStore,
  limits: Pick<UserLimitsInForce, 'forRelay'>,
  logger: Logger,
): CurrentUsers => {
  let all: readonly SourcedUser[] = []
  const gather = (): void => {
    const { users } = settings.config
    const managed = withoutClashes(users, store, logger)
    all = [
      ...users.map((user) => ({ ...user, source: 'setting' }) as const),
      ...managed.map((user) => ({ ...user, source: 'store' }) as const),
    ]
  }
  const names = (): Set<string> => new Set(all.map(({ name }) => name))
  gather()
  // The first subscriber: those that come later see the users as they are then.
  store.subscribe(gather)
  return {
    store,
    get all() {
      return all
    },
    get forRelay() {
      return limits.forRelay(all)
    },
    report: () => {
      const { damage, problem } = store.health()
      const enabled = all.filter((user) => user.enabled).length
      return { enabled, disabled: all.length - enabled, readable: problem === null, damage }
    },
    linksAt: (places, most = Number.POSITIVE_INFINITY) => {
      const enabled = all.filter((user) => user.enabled).slice(0, most)
      return linksOf(enabled, places)
    },
    replace: (next) => {
      // An empty .env is an accident: its users would lose their connections.
      if (settings.config.users.length > 0 && next.users.length === 0)
        throw new Error('no USER<n>_SECRET is set any more: set them again in .env, or restart')
      const before = names()
      settings.config = { ...settings.config, users: next.users }
      store.refresh()
      gather()
      const after = names()
      return {
        users: after.size,
        added: [...after].filter((name) => !before.has(name)),
        removed: [...before].filter((name) => !after.has(name)),
      }
    },
  }
}
