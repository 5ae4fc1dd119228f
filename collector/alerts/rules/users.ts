import { rejectionKeys as r } from '../../fold/projections/rejections.ts'
import { type Finding, labelsOf, recentSum, spellWindow, type Watch } from './finding.ts'
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
