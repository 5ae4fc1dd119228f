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

/** A change of the user store that is in force on this node; each node of a fleet emits its own. Part of the contract. */
export type UserEvent =
  | Event<'user.added', 1, UserFields>
  | Event<'user.changed', 1, UserFields & { fields: readonly UserField[] }>
  /** `changedAt` and `by` are those of the last change before it. */
  | Event<'user.removed', 1, UserFields>
