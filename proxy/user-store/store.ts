import { nameKey } from '../config/user-name.ts'
import { strongSecret } from '../users/secret.ts'
import type { User } from '../users/user.ts'
import { type Command, decide } from './decide.ts'
import type { Keeper, ManagedUser, NewUser, StoreHealth, UserChange, UserEdit } from './managed-user.ts'

export type UserStore = {
  list(): readonly ManagedUser[]
  /** By name; case and width make no difference. */
  get(name: string): ManagedUser | null
  /** All of these throw a UserError, and change nothing then. `by` names the writer. */
  add(user: NewUser, by: string): Promise<ManagedUser>
  change(name: string, change: UserEdit, by: string): Promise<ManagedUser>
  rotate(name: string, by: string): Promise<ManagedUser>
  remove(name: string, by: string): Promise<void>
  /** All or none of them; a known name is changed. */
  put(users: readonly NewUser[], by: string): Promise<readonly ManagedUser[]>
  /** Calls `changed` after each change that is in force, of this program or another; returns how to end that. */
  subscribe(changed: (changes: readonly UserChange[]) => void): () => void
  /** Changes since the last run of the program, for its events. */
  readonly missed: readonly UserChange[]
  /** Reads again: the settings changed. */
  refresh(): void
  health(): StoreHealth
  close(): Promise<void>
}

/** `ofSettings`: users of `USER<n>_*`, whose names and secrets are taken and which nothing here changes. */
export const userStore = (
  keeper: Keeper,
  ofSettings: () => readonly User[],
  now: () => number = Date.now,
): UserStore => {
  const subscribers = new Set<(changes: readonly UserChange[]) => void>()
  keeper.changed = (changes) => {
    for (const subscriber of subscribers) subscriber(changes)
  }
  const run = async (commands: readonly Command[], by: string): Promise<(ManagedUser | null)[]> => {
    let results: readonly (ManagedUser | null)[] = []
    await keeper.update((users) => {
      const decided = decide(users, ofSettings(), commands, { by, now: now() })
      results = decided.results
      return decided.changes
    })
    return [...results]
  }
  const one = async (command: Command, by: string): Promise<ManagedUser> => (await run([command], by))[0]!
  return {
    list: () => [...keeper.users().values()],
    get: (name) => keeper.users().get(nameKey(name)) ?? null,
    add: (user, by) => one({ type: 'add', ...user }, by),
    change: (name, edit, by) => one({ type: 'change', name, ...edit }, by),
    rotate: (name, by) => one({ type: 'change', name, secret: strongSecret() }, by),
    remove: async (name, by) => void (await run([{ type: 'remove', name }], by)),
    put: async (users, by) =>
      (await run(
        users.map((user) => ({ type: 'put', ...user })),
        by,
      )) as ManagedUser[],
    subscribe: (changed) => {
      subscribers.add(changed)
      return () => subscribers.delete(changed)
    },
    missed: keeper.missed,
    refresh: keeper.refresh,
    health: keeper.health,
    close: keeper.close,
  }
}
