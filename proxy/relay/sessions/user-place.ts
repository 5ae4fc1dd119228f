import { createHmac } from 'node:crypto'
import type { Mode } from '../../events/contract.ts'
import type { LimitReason } from '../../events/signed-refusal.ts'
import { type NetworkSet, networksOf } from '../../networks/network-set.ts'
import { steadySeconds } from '../../replay-cache/memory.ts'
import type { Stop } from '../../user-limits/counts.ts'
import type { Lease } from '../../user-limits/lease.ts'
import type { LimitedUser } from '../../user-limits/limited-user.ts'
import type { User } from './handshake.ts'
import type { Relay, Session } from './session.ts'

/** Between two notes that the address of an open connection is in use; shorter than any window of addresses. */
const SEEN_MS = 10_000

/** The address that a user is counted by, as 8 bytes that name it only to a holder of the secret: IPv4 address or IPv6 /64. */
const addressHash = (remote: Buffer, secret: Buffer): Buffer =>
  createHmac('sha256', secret)
    .update(remote.length === 4 ? remote : remote.subarray(0, 8))
    .digest()
    .subarray(0, 8)

const sets = new WeakMap<readonly string[], NetworkSet>()

const isAllowed = (networks: readonly string[], remote: Buffer): boolean => {
  const set = sets.get(networks) ?? networksOf(networks)
  sets.set(networks, set)
  return set.has(remote)
}

const noteAddress = (session: Session, { slot, addresses }: LimitedUser): boolean => {
  if (addresses === null || session.addressHash === null) return true
  const { relay } = session
  session.seenAt = relay.now
  const windowS = relay.settings.addressWindowMs / 1_000
  return relay.userCounts.see(slot, addresses, session.addressHash, Math.floor(steadySeconds()), windowS)
}

/** Why the limits of a user refuse a client; null: it has a place, which `leaveUser` gives back. */
export const admitUser = (session: Session, user: User, mode: Mode): LimitReason | 'mode-off' | null => {
  session.user = user
  const { limited } = user
  if (limited === undefined) return null
  const { userCounts } = session.relay
  const stop = userCounts.stopOf(limited.slot)
  if (stop !== null) return stop
  const { remote } = session
  if (limited.networks !== null && !isAllowed(limited.networks, remote)) return 'not-allowed-network'
  if (limited.modes !== null && !limited.modes.includes(mode)) return 'mode-off'
  if (limited.addresses !== null) session.addressHash = addressHash(remote, user.secret)
  if (!userCounts.enter(limited.slot, limited.maxConnections)) return 'user-connections'
  session.slot = limited.slot
  if (noteAddress(session, limited)) return null
  leaveUser(session)
  return 'user-addresses'
}

/** The place that it needs among all proxies; null: its user has no limit that they share. */
export const leaseOf = ({ user, slot, addressHash }: Session): Lease | null => {
  const { limited, name = '' } = user ?? {}
  if (slot < 0 || limited === undefined) return null
  if (limited.maxConnections === null && limited.addresses === null) return null
  return { user: name, address: addressHash?.toString('hex') ?? null }
}

export const isDisabled = ({ userCounts }: Relay, { limited }: User): boolean =>
  limited !== undefined && userCounts.stopOf(limited.slot) === 'disabled'

/** Charges the user for the bytes since the last call. */
const charge = (session: Session): void => {
  if (session.slot < 0 || session.labels === null) return
  const bytes = session.bytesToClient + session.bytesToDatacenter
  if (bytes === session.chargedBytes) return
  session.relay.userCounts.addBytes(session.slot, bytes - session.chargedBytes)
  session.chargedBytes = bytes
}

/** Gives the place of a connection back. */
export const leaveUser = (session: Session): void => {
  if (session.slot < 0) return
  charge(session)
  session.relay.userCounts.leave(session.slot)
  session.slot = -1
}

/** Counts an open connection where its user counts now: limits come, go and come back while it runs. */
const moveTo = (session: Session, slot: number): void => {
  leaveUser(session)
  session.chargedBytes = session.bytesToClient + session.bytesToDatacenter
  if (slot < 0) return
  session.relay.userCounts.enter(slot, null)
  session.slot = slot
}

/** Runs for each connection once a second: charges its user, and returns why the user is stopped; null: it is not. */
export const keepLimits = (session: Session, { limited }: User): Stop | null => {
  const slot = limited?.slot ?? -1
  if (slot !== session.slot) moveTo(session, slot)
  if (limited === undefined) return null
  charge(session)
  if (session.relay.now - session.seenAt >= SEEN_MS) noteAddress(session, limited)
  return session.relay.userCounts.stopOf(slot)
}
