import type { Event } from './envelope.ts'

/** A user of the user store, never its secret or its limits. */
type UserFields = {
  user: string
  enabled: boolean
  /** Time of the change in the store, epoch, ms: the same on every node. */
  changedAt: number
  /** The writer: `cli`, or the name of an API token. */
  by: string
}

/** What a change of a user changed. */
export type UserField = 'secret' | 'enabled' | 'limits'

/**
 * Why users of the store are not in force. `file`: it is damaged or missing; `record`, `key`, `clash`: records of it are damaged, were
 * sealed with another USERS_KEY, or have a name or secret of another user; `empty`: the topic was deleted; `kafka`: Kafka does not answer.
 */
export type UsersProblem = 'file' | 'record' | 'key' | 'clash' | 'empty' | 'kafka'

/** A change of the user store that is in force on this node; each node of a fleet emits its own. Part of the contract. */
export type UserEvent =
  | Event<'user.added', 1, UserFields>
  | Event<'user.changed', 1, UserFields & { fields: readonly UserField[] }>
  /** `changedAt` and `by` are those of the last change before it. */
  | Event<'user.removed', 1, UserFields>
  /** The user store was read: at the start, and when `problem` changed. With one, the last good users are in force. */
  | Event<'users.read', 1, { users: number; problem?: UsersProblem }>
