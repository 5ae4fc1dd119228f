import { isDeepStrictEqual } from 'node:util'
import type { ManagedUser, UserChange, Users } from './managed-user.ts'

const fieldsOf = (before: ManagedUser, after: ManagedUser): UserChange['fields'] => [
  ...(before.secret.hex() === after.secret.hex() ? [] : (['secret'] as const)),
  ...(before.enabled === after.enabled ? [] : (['enabled'] as const)),
  ...(isDeepStrictEqual(before.limits, after.limits) ? [] : (['limits'] as const)),
]

/** The changes that lead from one state of the store to another. A user that was written again with the same content did not change. */
export const differences = (before: Users, after: Users): readonly UserChange[] => {
  const changes: UserChange[] = []
  for (const [key, user] of after) {
    const old = before.get(key)
    if (old === user) continue
    const fields = old === undefined ? [] : fieldsOf(old, user)
    if (old === undefined) changes.push({ type: 'added', user, fields })
    else if (fields.length > 0) changes.push({ type: 'changed', user, fields })
  }
  for (const [key, user] of before) {
    if (!after.has(key)) changes.push({ type: 'removed', user, fields: [] })
  }
  return changes
}

/** The users after changes by name key; null removes a user. */
export const applied = (users: Users, changes: ReadonlyMap<string, ManagedUser | null>): Users => {
  const after = new Map(users)
  for (const [key, user] of changes) {
    if (user === null) after.delete(key)
    else after.set(key, user)
  }
  return after
}
