import { connectionKeys as c } from '../fold/projections/connections.ts'
import type { Reading } from '../fold/state.ts'

/** How many users get their own label. */
export const mostUsers = 100
export const otherUsers = 'other'

/**
 * The user labels in metrics: the `most` busiest users by name, all others as `other`. A user keeps its label while the
 * process lives, because a move into `other` would look like a jump of a counter.
 */
export const createUserLabels = (most = mostUsers): ((state: Reading) => Map<string, string[]>) => {
  const named = new Set<string>()
  return (state) => {
    const users = [...state.lasting.keys()]
      .filter((key) => key.startsWith(c.user('')))
      .map((key) => key.slice(c.user('').length))
    if (named.size < most) {
      const bytes = (user: string): number =>
        state.count('ever', 0, c.toClientOfUser(user)) + state.count('ever', 0, c.toDatacenterOfUser(user))
      const fresh = users.filter((user) => !named.has(user)).map((user) => [user, bytes(user)] as const)
      fresh.sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
      for (const [user] of fresh.slice(0, most - named.size)) named.add(user)
    }
    const labels = new Map<string, string[]>()
    for (const user of users.sort()) {
      const label = named.has(user) && user !== otherUsers ? user : otherUsers
      const sharing = labels.get(label) ?? []
      sharing.push(user)
      labels.set(label, sharing)
    }
    return labels
  }
}
