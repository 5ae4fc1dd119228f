import type { Reading } from '../fold/state.ts'
import { trafficOf } from './status-builder.ts'

/** Bytes in both directions: of this day and month (UTC), and in all. */
export type UserTotals = { readonly day: number; readonly month: number; readonly total: number }

export const totalsOf = (state: Reading, now: number, user: string): UserTotals => {
  const sum = (span: 'day' | 'month' | 'ever'): number => {
    const { bytesToClient, bytesToDatacenter } = trafficOf(state, span, now, user)
    return bytesToClient + bytesToDatacenter
  }
  return { day: sum('day'), month: sum('month'), total: sum('ever') }
}
