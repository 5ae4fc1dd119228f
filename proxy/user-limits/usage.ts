import type { UserLimits } from '../users/limits.ts'

/** Periods of a quota, in UTC. */
export const periods = ['day', 'month', 'total'] as const
export type Period = (typeof periods)[number]

/** Bytes in both directions. */
export type Totals = Readonly<Record<Period, number>>

const quotaOf = { day: 'quotaDay', month: 'quotaMonth', total: 'quotaTotal' } as const

/** The number of the day, and of the month, that holds `at` (epoch, ms; UTC). */
export const bucketOf = (period: Period, at: number): number => {
  if (period === 'total') return 0
  if (period === 'day') return Math.floor(at / 86_400_000)
  const date = new Date(at)
  return date.getUTCFullYear() * 12 + date.getUTCMonth()
}

export type Usage = {
  /** `bytes`: what this process has counted by now. */
  used(period: Period, bytes: number, now: number): number
  /** Takes totals over that were read when this process had counted `bytesThen`. Usage never falls within a period. */
  learn(totals: Totals, bytesThen: number, now: number): void
}

/**
 * How much of its quotas a user has used, at least: the totals that were read (from the collector's state), and what this
 * process has counted since. The totals contain none of the bytes that pass after they are read, so nothing counts twice.
 */
export const usage = (bytes: number, now: number): Usage => {
  const counts = periods.map((period) => ({ bucket: bucketOf(period, now), base: 0, from: bytes }))
  const countOf = (period: Period, present: number, at: number) => {
    const count = counts[periods.indexOf(period)]!
    const bucket = bucketOf(period, at)
    if (bucket !== count.bucket) Object.assign(count, { bucket, base: 0, from: present })
    return count
  }
  const used: Usage['used'] = (period, present, at) => {
    const { base, from } = countOf(period, present, at)
    return base + present - from
  }
  return {
    used,
    learn: (totals, bytesThen, at) => {
      for (const period of periods) {
        const count = countOf(period, bytesThen, at)
        if (totals[period] > count.base + bytesThen - count.from)
          Object.assign(count, { base: totals[period], from: bytesThen })
      }
    },
  }
}

/** The first quota that is used up; null: none is. */
export const reached = (
  limits: UserLimits,
  used: (period: Period) => number,
): { readonly period: Period; readonly used: number; readonly quota: number } | null => {
  for (const period of periods) {
    const quota = limits[quotaOf[period]]
    if (quota !== null && used(period) >= quota) return { period, used: used(period), quota }
  }
  return null
}

export const hasQuota = (limits: UserLimits): boolean =>
  periods.some((period) => limits[quotaOf[period]] !== null)
