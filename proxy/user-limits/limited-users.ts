import { isDeepStrictEqual } from 'node:util'
import { effectiveLimits, type UserLimits } from '../users/limits.ts'
import type { User } from '../users/user.ts'
import type { Region } from './addresses.ts'
import { type CountsMemory, type Stop, userCounts } from './counts.ts'
import type { LimitedUser } from './limited-user.ts'
import { assignments } from './slots.ts'
import { hasQuota, type Period, reached, type Totals, type Usage, usage } from './usage.ts'

/** A quota that is used up, or is not any more (`period` is null). */
export type QuotaChange = {
  readonly user: string
  readonly period: Period | null
  readonly used: number
  readonly quota: number
}

export type LimitedUsers = {
  readonly size: number
  /** Takes all users. Those that have limits, or are disabled, are in force for handshakes from now on. */
  take(users: readonly User[], defaults: UserLimits): void
  /** Undefined: the user has no limits. */
  of(name: string): LimitedUser | undefined
  /** Reads usage and clock, and stops users or lets them go on. */
  look(): void
  /** Users with a quota whose usage may grow: those with connections, and all before the first `learn`. */
  active(): string[]
  /** Takes totals over that were asked for after `bytesOf`. */
  learn(user: string, totals: Totals, bytesThen: number): void
  /** What this process has counted of a user. */
  bytesOf(user: string): number
}

type Account = {
  readonly name: string
  enabled: boolean
  limits: UserLimits
  limited: LimitedUser
  readonly usage: Usage
  learned: boolean
  stop: Stop | null
}

const needsAccount = ({ enabled }: User, limits: UserLimits): boolean => {
  const { adTag: _, ...rest } = limits
  return !enabled || Object.values(rest).some((limit) => limit !== null)
}

type Options = {
  readonly memory: CountsMemory
  readonly workers: number
  /** Epoch, ms. */
  readonly now: () => number
  /** Slots or addresses of all users together have run out: a limit of this user is not in force. */
  readonly full: (user: string) => void
  readonly quotaChanged: (change: QuotaChange) => void
}

const limitedOf = (limits: UserLimits, slot: number, addresses: Region | null): LimitedUser => {
  const { maxConnections, rateUp, rateDown, modes, networks } = limits
  return { slot, maxConnections, addresses, rateUp, rateDown, modes, networks, hasQuota: hasQuota(limits) }
}

/** Accounts of users, and their memory. */
const openBook = ({ memory, workers, now, full }: Options) => {
  const counts = userCounts(memory, workers)
  const accounts = new Map<string, Account>()
  const assigned = assignments()

  const regionFor = (name: string, { maxAddresses }: UserLimits): Region | null => {
    if (maxAddresses === null) return null
    const region = assigned.region(maxAddresses)
    if (region === null) full(name)
    return region
  }
  const open = ({ name, enabled }: User, limits: UserLimits): Account | null => {
    const slot = assigned.slot()
    if (slot === null) {
      full(name)
      return null
    }
    const region = regionFor(name, limits)
    counts.clear(slot, region)
    const account: Account = {
      ...{ name, enabled, limits, learned: false, stop: null },
      limited: limitedOf(limits, slot, region),
      usage: usage(0, now()),
    }
    accounts.set(name, account)
    return account
  }
  const change = (account: Account, limits: UserLimits): void => {
    const { slot, addresses } = account.limited
    let region = addresses
    if (limits.maxAddresses !== account.limits.maxAddresses) {
      region = regionFor(account.name, limits)
      if (region !== null) counts.addresses.move(addresses, region)
      if (addresses !== null) assigned.giveBack(-1, addresses, now())
    }
    account.limits = limits
    account.limited = limitedOf(limits, slot, region)
  }
  const close = (name: string): void => {
    const { slot, addresses } = accounts.get(name)!.limited
    counts.stop(slot, null)
    assigned.giveBack(slot, addresses, now())
    accounts.delete(name)
  }
  const tidy = (): void => assigned.tidy(now(), (slot) => counts.connections(slot) > 0)
  return { counts, accounts, open, change, close, tidy }
}

const stopOf = ({ enabled, limits: { expiresAt } }: Account, isFull: boolean, now: number): Stop | null => {
  if (!enabled) return 'disabled'
  if (expiresAt !== null && now >= expiresAt) return 'expired'
  return isFull ? 'quota' : null
}

/** Decides, in the main thread, which users are stopped, and keeps the memory of their counts. */
export const limitedUsers = (options: Options): LimitedUsers => {
  const { now, quotaChanged } = options
  const { counts, accounts, ...book } = openBook(options)

  const decide = (account: Account): void => {
    const { name, limits, limited, usage: of } = account
    const present = now()
    const bytes = counts.bytes(limited.slot)
    const full = reached(limits, (period) => of.used(period, bytes, present))
    const stop = stopOf(account, full !== null, present)
    if (stop === account.stop) return
    if (stop === 'quota' && full !== null) quotaChanged({ user: name, ...full })
    if (account.stop === 'quota') quotaChanged({ user: name, period: null, used: 0, quota: 0 })
    account.stop = stop
    counts.stop(limited.slot, stop)
  }

  const take = (users: readonly User[], defaults: UserLimits): void => {
    book.tidy()
    const left = new Set(accounts.keys())
    for (const user of users) {
      const limits = effectiveLimits(user.limits, defaults)
      if (!needsAccount(user, limits)) continue
      left.delete(user.name)
      const account = accounts.get(user.name) ?? book.open(user, limits)
      if (account === null) continue
      account.enabled = user.enabled
      if (!isDeepStrictEqual(account.limits, limits)) book.change(account, limits)
      decide(account)
    }
    for (const name of left) book.close(name)
  }

  return {
    get size() {
      return accounts.size
    },
    take,
    of: (name) => accounts.get(name)?.limited,
    look: () => {
      for (const account of accounts.values()) decide(account)
    },
    active: () =>
      [...accounts.values()]
        .filter(
          ({ limited: { hasQuota, slot }, learned }) =>
            hasQuota && (!learned || counts.connections(slot) > 0),
        )
        .map(({ name }) => name),
    learn: (user, totals, bytesThen) => {
      const account = accounts.get(user)
      if (account === undefined) return
      account.usage.learn(totals, bytesThen, now())
      account.learned = true
    },
    bytesOf: (user) => {
      const account = accounts.get(user)
      return account === undefined ? 0 : counts.bytes(account.limited.slot)
    },
  }
}
