import type { DialError, Family } from './sample.ts'

// Part of the contract: dials that failed.

/**
 * Why an upstream of UPSTREAMS did not carry a connection. `login`: it refuses user and password; `denied`: its rules refuse the
 * destination; `no-source`: this host does not have the address or interface; `no-ports`: the source address has no free port.
 */
export type UpstreamError = DialError | 'login' | 'denied' | 'no-source' | 'no-ports'

/** An upstream did not carry a dial or a probe: it failed before the datacenter was reached, or a later one overtook it. */
export type UpstreamFailure = {
  /** Absent when the dial was for the pool, and for a probe. */
  connection?: string
  upstream: string
  error: UpstreamError
  elapsedMs: number
}

/** An address of a datacenter did not accept a dial. */
export type DialFailure = {
  /** Absent when the dial was for the pool. */
  connection?: string
  dc: number
  media: boolean
  address: string
  family: Family
  error: DialError
  elapsedMs: number
  upstream?: string
}
