import type { Config } from '../config/config.ts'
import type { ProxyEvent } from '../events/contract.ts'
import type { UsersProblem } from '../events/user-event.ts'
import type { Logger } from '../logger/logger.ts'
import type { RelayUser } from '../relay/settings.ts'
import type { UsersReport } from '../telemetry/sources.ts'
import { clashes } from '../user-store/decide.ts'
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
  /** Why users of the store are not in force; null: all are. */
  problem(): UsersProblem | null
  linksAt(places: readonly LinkPlace[], most?: number): readonly Link[]
  /** Takes the users of `next`. Throws when users were configured and none is left. */
  replace(next: Config): Omit<Extract<ProxyEvent, { type: 'config.reloaded' }>, 'v' | 'type' | 'at'>
}

/** Finds the users of the store that clash with one of the settings, which have precedence. Each new clash is logged and counted. */
const clashWatch = (logger: Logger) => {
  let clashing: ReadonlySet<string> = new Set()
  let count = 0
  return {
    /** Of all clashes since the start. */
    count: () => count,
    now: () => clashing.size,
    without: (ofSettings: readonly User[], store: UserStore): ManagedUser[] => {
      const managed = store.list()
      const found = clashes(ofSettings, managed)
      // The generated secret of one proxy may be USER1_SECRET of another.
      const same = managed.filter(({ name, by }) => by === 'generated' && found.get(name) === 'secret')
      const left = new Set(same.map(({ name }) => name))
      for (const [name, taken] of found) {
        if (clashing.has(name) || left.has(name)) continue
        count++
        const hint = `a user of USER<n>_* has its ${taken}, and has precedence: remove one of the two`
        logger('warn', 'user-clash', { user: name, hint })
      }
      clashing = new Set([...found.keys()].filter((name) => !left.has(name)))
      return managed.filter(({ name }) => !found.has(name))
    },
  }
}

/** The users of the settings and of the store together. `settings` is read again after each reload. */
export const currentUsers = (
  settings: { config: Config },
  store: UserStore,
  limits: Pick<UserLimitsInForce, 'forRelay'>,
  logger: Logger,
): CurrentUsers => {
  let all: readonly SourcedUser[] = []
  const clashing = clashWatch(logger)
  const gather = (): void => {
    const { users } = settings.config
    const managed = clashing.without(users, store)
    all = [
      ...users.map((user) => ({ ...user, source: 'setting' }) as const),
      ...managed.map((user) => ({ ...user, source: 'store' }) as const),
    ]
  }
  const names = (): Set<string> => new Set(all.map(({ name }) => name))
  gather()
  // The first subscriber: those that come later see the users as they are then.
  store.subscribe(gather)
  const problem = (): UsersProblem | null => store.health().kind ?? (clashing.now() > 0 ? 'clash' : null)
  return {
    store,
    problem,
    get all() {
      return all
    },
    get forRelay() {
      return limits.forRelay(all)
    },
    report: () => {
      const { damage } = store.health()
      const enabled = all.filter((user) => user.enabled).length
      return {
        enabled,
        disabled: all.length - enabled,
        readable: problem() === null,
        damage: { ...damage, clash: damage.clash + clashing.count() },
      }
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
