import type { RuleName, Severity } from '../../collector/alerts/rules/rules.ts'

/** Rules that only Prometheus has: the error budget, and what it alone can observe. */
type OwnRule = 'error-budget' | 'masking-lost' | 'watcher-silent'

/** One Prometheus alerting rule. `rule` is the collector's rule about the same fault, and the section of the runbook. */
export type AlertRule = {
  readonly alert: string
  readonly rule: RuleName | OwnRule
  readonly severity: Severity
  /** PromQL: one series for each subject that is in trouble. */
  readonly expr: string
  /** How long the expression must hold, as Prometheus writes it. */
  readonly for: string
  readonly summary: string
  readonly description: string
}

/** The rules of a group are evaluated together. */
export type AlertGroup = { readonly name: string; readonly rules: readonly AlertRule[] }

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const

/** A duration as Prometheus writes it, in its largest whole unit: 300,000 ms is `5m`. */
export const duration = (ms: number): string => {
  const [unit, size] = units.find(([, size]) => ms % size === 0) ?? ['ms', 1]
  return `${ms / size}${unit}`
}
