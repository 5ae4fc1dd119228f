import type { Mode } from '../events/contract.ts'
import type { Region } from './addresses.ts'

/** The limits of a user as relay threads need them: plain data. The main thread decides quota, expiry and `enabled`. */
export type LimitedUser = {
  /** Its place in the counts. */
  readonly slot: number
  readonly maxConnections: number | null
  /** Where its addresses are noted, one place for each that it may have; null: no limit of addresses. */
  readonly addresses: Region | null
  /** Bytes per second. */
  readonly rateUp: number | null
  readonly rateDown: number | null
  readonly modes: readonly Mode[] | null
  readonly networks: readonly string[] | null
  readonly hasQuota: boolean
}
