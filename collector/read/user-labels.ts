import { connectionKeys as c } from '../fold/projections/connections.ts'
import type { Reading } from '../fold/state.ts'

/** Users that get a label of their own. */
export const mostUsers = 100
export const otherUsers = 'other'

/**
 * Who is told apart in metrics: the busiest, as many as `most`; everybody else is `other`. Who has a label keeps it
 * while the process lives: were a user to move into `other`, a counter would seem to jump.
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
