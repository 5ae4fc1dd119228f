/** The place of a connection of a user with limits among all proxies: plain data, from a relay thread. */
export type Lease = {
  readonly user: string
  /** Hex; null: the user has no limit of addresses. */
  readonly address: string | null
}

export type LeaseAnswer = 'granted' | 'user-connections' | 'user-addresses'
