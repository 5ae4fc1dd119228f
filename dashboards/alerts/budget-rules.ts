import { burn, failedIn } from '../builder/sli.ts'
import type { AlertGroup } from './rule.ts'

/** The minimum of unanswered connections, whatever their share: one slow answer of a quiet night is 3 %. */
const leastFailed = 10

/** Burn-rate pairs of the SRE workbook: the long window shows that it matters, the short one that it goes on. */
const burning = (long: string, short: string, times: number): string =>
  [`${burn(long)} > ${times}`, `${burn(short)} > ${times}`, `${failedIn(long)} >= ${leastFailed}`].join(
    '\nand ',
  )

export const objective: AlertGroup = {
  name: 'mtscope-objective',
  rules: (
    [
      ['Fast', '1h', '5m', 14.4, 'critical', '2 % of the budget of 30 days in an hour'],
      ['Steady', '6h', '30m', 6, 'critical', '5 % of the budget of 30 days in six hours'],
      ['Slow', '3d', '6h', 1, 'warning', 'the whole budget of 30 days in 30 days'],
    ] as const
  ).map(([speed, long, short, times, severity, means]) => ({
    alert: `MtscopeBudgetBurns${speed}`,
    rule: 'error-budget',
    severity,
    expr: burning(long, short, times),
    for: '1m',
    summary: `Too few connections are answered within two seconds: the error budget burns at more than ${times} times the allowed rate`,
    description: `{{ $value | humanize }} times the allowed rate over ${long} and ${short} (${means}), with at least ${leastFailed} unanswered connections in ${long}: users wait or see endless connecting. Find the failing stage in the panel Connection stages of the dashboard Overview.`,
  })),
}
