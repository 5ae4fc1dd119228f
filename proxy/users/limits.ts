import type { Mode } from '../events/contract.ts'

/** What a user may use. Null: no limit. */
export type UserLimits = {
  /** Open connections. */
  readonly maxConnections: number | null
  /** Different client addresses (IPv4 address, IPv6 /64) within the window of addresses. */
  readonly maxAddresses: number | null
  /** Bytes in both directions within a UTC day, within a UTC month, and in all. */
  readonly quotaDay: number | null
  readonly quotaMonth: number | null
  readonly quotaTotal: number | null
  /** Epoch, ms: from then on the user is refused. */
  readonly expiresAt: number | null
  /** Bytes per second of all connections together: from the clients, to the clients. */
  readonly rateUp: number | null
  readonly rateDown: number | null
  /** Modes of MODES that the user may use; null: all of them. */
  readonly modes: readonly Mode[] | null
  /** Networks that the user may connect from, in CIDR notation. */
  readonly networks: readonly string[] | null
  /** 32 hex digits: replaces AD_TAG. */
  readonly adTag: string | null
}

export const noLimits: UserLimits = {
  maxConnections: null,
  maxAddresses: null,
  quotaDay: null,
  quotaMonth: null,
  quotaTotal: null,
  expiresAt: null,
  rateUp: null,
  rateDown: null,
  modes: null,
  networks: null,
  adTag: null,
}

/** The limits of one user: its own ones, and for each that it has not the default of all users. */
export const effectiveLimits = (own: Partial<UserLimits>, defaults: UserLimits): UserLimits => ({
  ...defaults,
  ...own,
})
