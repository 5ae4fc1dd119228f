import { burn, failedIn } from '../builder/sli.ts'
import type { AlertGroup } from './rule.ts'

/** So many must have waited in vain, whatever share of all it is: one slow answer of a quiet night is 3 %. */
const leastFailed = 10

/** Burn-rate pairs of the SRE workbook: the long window says that it matters, the short one that it still goes on. */
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
      ['Slow', '3d', '6h', 1, 'warning', 'as much as there is to last for 30 days'],
    ] as const
  ).map(([speed, long, short, times, severity, means]) => ({
    alert: `MtscopeBudgetBurns${speed}`,
    rule: 'error-budget',
    severity,
    expr: burning(long, short, times),
    for: '1m',
    summary: `Too few people are answered within two seconds: the error budget burns ${times} times too fast`,
    description: `{{ $value | humanize }} times the allowed rate over ${long} and ${short}: ${means}; at least ${leastFailed} sessions of the ${long} waited in vain. Look at the stage funnel of the overview for where sessions end.`,
  })),
}
