import type { UsersProblem } from '../../../proxy/events/contract.ts'
import { processKeys as p } from '../../fold/projections/processes.ts'
import { rejectionKeys as r } from '../../fold/projections/rejections.ts'
import { nodesOf } from '../../read/nodes.ts'
import { type Finding, labelsOf, recentSum, spell, spellWindow, type Watch } from './finding.ts'
import { rules } from './rules.ts'

/** Every user that was ever refused because of its quota. */
export const quotasReached = (watch: Watch): Finding[] =>
  labelsOf(watch, r.rejectedOf('quota/')).map((user) => {
    const rule = 'quota-reached'
    const { windowMs } = rules[rule]
    const value = recentSum(watch, r.quotaOf(user), windowMs)
    return {
      rule,
      subject: user,
      value,
      baseline: 0,
      verdict: value > 0 ? 'bad' : 'good',
      summary: () =>
        `The quota of user ${user} is used up: ${value} connections were refused in the last ${spellWindow(watch, windowMs)}, and the apps of this user show “connecting…”. ` +
        'Raise the quota if the traffic is right (`mtscope users limit`, or USER<n>_QUOTA_…), or let it be: a day or month ends at midnight UTC.',
      calm: () => `The quota of user ${user} refuses no connections any more.`,
    }
  })

const problems: Readonly<Record<UsersProblem, string>> = {
  file: '`users.json` is damaged or missing: correct it, or copy `users.good.json` over it',
  record: 'records of the topic are damaged: change or remove these users',
  key: 'records were sealed with another USERS_KEY: give each node the same one',
  clash: 'users have a name or secret that another user or USER<n>_* has: remove one of the two',
  empty: 'the topic is empty, but the node has users: import them again',
  kafka:
    'Kafka does not answer, so changes do not arrive: check the topic `mtscope.users` and the rights to read it',
}

/** As the projection wrote it. */
const problemOf = (value: unknown): UsersProblem | null =>
  typeof value === 'object' && value !== null && 'problem' in value ? (value.problem as UsersProblem) : null

/** User stores that cannot be read, or whose users are not all in force, by node. */
export const usersUnreadable = (watch: Watch): Finding[] => {
  const rule = 'users-unreadable'
  const limitMs = rules[rule].raiseMs * watch.factor
  return nodesOf(watch.state, watch.now)
    .filter(({ alive }) => alive)
    .flatMap(({ node, startedAt }) => {
      const observation = watch.state.recent.get(p.userStore(node))
      if (observation === undefined || observation.at < startedAt) return []
      const problem = problemOf(observation.value)
      const ageMs = Math.max(0, watch.now - observation.at)
      const verdict = problem === null ? 'good' : ageMs >= limitMs ? 'bad' : 'between'
      return {
        ...{ rule, subject: node, baseline: 0, verdict, since: observation.at },
        value: problem === null ? 0 : Math.round(ageMs / 1_000),
        summary: () =>
          `Node ${node} does not use its user store as it is, for ${spell(ageMs)} (limit ${spell(limitMs)}): ${problem === null ? '' : problems[problem]}. ` +
          'The last good users stay in force. Find `users-damaged` or `user-clash` in its log, or run `mtscope doctor --only users`.',
        calm: () => `Node ${node} has all users of its store in force.`,
      }
    })
}
