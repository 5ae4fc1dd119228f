import type { EventType, MtscopeEvent } from './contract.ts'

/** A parsed event; only `type` and `v` are checked. */
export type Raw = Readonly<Record<string, unknown>> & { readonly type: string; readonly v: number }

/** Lifts the fields of one version to the next. `lift` sets `v`. */
export type Lift = (old: Raw) => Readonly<Record<string, unknown>>

type Newest<T extends EventType> = Extract<MtscopeEvent, { type: T }>['v']
/** One lift for each version before the newest: a new `v` without its line below does not compile. */
type Chain<V extends number, L extends readonly Lift[] = []> = [...L, Lift]['length'] extends V
  ? Readonly<L>
  : Chain<V, [...L, Lift]>

/** For each type, oldest first: lift n lifts version n to n + 1. */
export const chains: { readonly [T in EventType]: Chain<Newest<T>> } = {
  'connection.accepted': [],
  'handshake.accepted': [],
  'handshake.rejected': [],
  'datacenter.dialed': [],
  'datacenter.dial-failed': [],
  'middle-proxy.failed': [],
  'upstream.failed': [],
  'connection.first-byte': [],
  'connection.progress': [],
  'connection.closed': [],
  'process.started': [],
  'process.stopped': [],
  'process.sampled': [],
  'datacenter.probed': [],
  'middle-proxy.probed': [],
  'middle-proxies.read': [],
  'header.refused': [],
  'limit.refused': [],
  'replay.unclaimed': [],
  'connections.summarised': [],
  'networks.loaded': [],
  'process.faulted': [],
  'thread.died': [],
  'events.lost': [],
  'api.changed': [],
  'config.reloaded': [],
  'user.added': [],
  'user.changed': [],
  'user.removed': [],
  'users.read': [],
  'alert.raised': [],
  'alert.cleared': [],
}

/** `event` in its newest version; null when `chain` does not know its version. */
export const lift = (chain: readonly Lift[], event: Raw): Raw | null => {
  const newest = chain.length + 1
  if (event.v === newest) return event
  if (!Number.isInteger(event.v) || event.v < 1 || event.v > newest) return null
  let lifted = event
  for (const step of chain.slice(event.v - 1)) {
    lifted = { ...step(lifted), v: lifted.v + 1, type: event.type }
  }
  return lifted
}
