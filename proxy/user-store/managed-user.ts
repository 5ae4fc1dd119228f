import type { UsersProblem } from '../events/user-event.ts'
import type { UserLimits } from '../users/limits.ts'
import type { Secret } from '../users/secret.ts'
import type { User } from '../users/user.ts'

/** A user of the store. Its secret prints as `[secret]`. */
export type ManagedUser = User & {
  /** Epoch, ms. */
  readonly addedAt: number
  readonly changedAt: number
  /** The last writer: `cli`, or the name of an API token. */
  readonly by: string
}

/** By the key of the name (`nameKey`), in the order in which they were added. */
export type Users = ReadonlyMap<string, ManagedUser>

/** One difference between two states of the store, newest state in `user`; a removed user as it was. */
export type UserChange = {
  readonly type: 'added' | 'changed' | 'removed'
  readonly user: ManagedUser
  /** For `changed`. */
  readonly fields: readonly ('secret' | 'enabled' | 'limits')[]
}

export type StoreHealth = {
  /** Reads that found a damaged file, or a record that cannot be used, by reason; the last good users stay in force. */
  readonly damage: Readonly<Record<Damage, number>>
  /** What is wrong now and what to do; null: nothing. */
  readonly problem: string | null
  /** The kind of `problem`. */
  readonly kind: UsersProblem | null
}

export type Damage = 'file' | 'record' | 'key' | 'clash'

/** Where users are kept: a file of DATA_DIR, or a topic of Kafka. */
export type Keeper = {
  /** The users in force. */
  users(): Users
  /**
   * Reads the newest users, decides on them and writes the changes, without another writer in between where the keeper can
   * exclude one. Null removes a user. Throws a UserError.
   */
  update(decided: (users: Users) => ReadonlyMap<string, ManagedUser | null>): Promise<void>
  /** Changes since the last run of the program, for its events. */
  readonly missed: readonly UserChange[]
  /** Reads again: the settings changed. */
  refresh(): void
  /** Called after each change that is in force, of this program or another. */
  changed: ((changes: readonly UserChange[]) => void) | null
  health(): StoreHealth
  close(): Promise<void>
}

export type NewUser = { readonly name: string } & UserEdit
/** An undefined field stays as it is; for a new user: a random secret, enabled, no limits of its own. */
export type UserEdit = {
  readonly secret?: Secret | undefined
  readonly enabled?: boolean | undefined
  readonly limits?: LimitsEdit | undefined
}
/** Undefined: no own limit any more, the default holds. */
export type LimitsEdit = { readonly [F in keyof UserLimits]?: UserLimits[F] | undefined }
