import type { Turns } from '../turns.ts'
import type { User } from './handshake.ts'
import { FEW } from './handshake-bounds.ts'

/** Clients whose last user is kept: by address, and by prefix for those whose address changes. */
const ADDRESSES = 16_384
const PREFIXES = 4_096
/** Users kept for one prefix. */
const OF_PREFIX = 8

/** The client that a search is for: its address, and the number of its prefix. */
export type Client = { readonly address: string; readonly prefix: number }

/** The users that a client most likely is: with many users, these are tried before all others. */
export type RecentUsers = {
  /** The last user of the address and those of its prefix; then the latest ones of any client. */
  likely(client: Client): readonly (readonly User[])[]
  /** The client is this user. */
  note(client: Client, user: User): void
  /** Forgets users that are not among these. */
  keep(users: readonly User[]): void
}

/** How users are found among many. */
export type Lookup = { readonly recent: RecentUsers; readonly turns: Turns }

const toFront = (users: User[], user: User, most: number): void => {
  const at = users.indexOf(user)
  if (at === 0) return
  if (at < 0 && users.length < most) users.push(user)
  users.copyWithin(1, 0, at < 0 ? users.length - 1 : at)
  users[0] = user
}

/** Sets the newest entry, and drops the oldest beyond `most`. */
const put = <K, V>(map: Map<K, V>, key: K, value: V, most: number): void => {
  map.delete(key)
  map.set(key, value)
  if (map.size > most) map.delete(map.keys().next().value as K)
}

export const recentUsers = (): RecentUsers => {
  const latest: User[] = []
  const ofAddress = new Map<string, User>()
  const ofPrefix = new Map<number, User[]>()
  return {
    likely: ({ address, prefix }) => {
      const last = ofAddress.get(address)
      const near = ofPrefix.get(prefix) ?? []
      return [last === undefined ? near : [last, ...near], latest]
    },
    note: ({ address, prefix }, user) => {
      toFront(latest, user, FEW)
      put(ofAddress, address, user, ADDRESSES)
      const near = ofPrefix.get(prefix) ?? []
      toFront(near, user, OF_PREFIX)
      put(ofPrefix, prefix, near, PREFIXES)
    },
    keep: (users) => {
      const known = new Set(users)
      const rest = (list: User[]): User[] => list.filter((user) => known.has(user))
      latest.splice(0, latest.length, ...rest(latest))
      for (const [address, user] of ofAddress) if (!known.has(user)) ofAddress.delete(address)
      for (const [prefix, near] of ofPrefix) ofPrefix.set(prefix, rest(near))
    },
  }
}
