/** Parts of `connections.summarised`. Part of the contract. */

export type PrefixCount = { prefix: string; count: number }
export type ListenerCount = { listener: string; count: number }
/** Counts of connections that have no events of their own. */
export type Summary = {
  worker: number
  /** From the first connection that it counts to `at`. */
  intervalMs: number
  accepted: number
  /** The networks with the most of `accepted`, 16 at most. Other networks are left out. */
  prefixes: readonly PrefixCount[]
  /** The part of `accepted` of each listener; absent where LISTEN names none. */
  listeners?: readonly ListenerCount[]
}

/** Client hashes with the same six bits (0 to 63). The number of groups estimates the number of clients. */
export type GroupCount = { group: number; count: number }
