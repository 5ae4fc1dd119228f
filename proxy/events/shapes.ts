import {
  amount,
  type Check,
  count,
  dialError,
  fieldsOf,
  flag,
  hex,
  integer,
  label,
  list,
  misfit,
  number,
  oneOf,
  optional,
  prefix,
  type Shape,
  text,
  texts,
} from './checks.ts'
import type { CloseCount, EventType, MtscopeEvent, RefusalCount } from './contract.ts'
import { headerRefusals } from './header-refusal.ts'
import type { LoopSample } from './sample.ts'
import {
  action,
  apiAction,
  closing,
  death,
  direction,
  family,
  limit,
  loss,
  middleProxyDocument,
  mode,
  networkList,
  phase,
  readError,
  rejection,
  side,
  transport,
  usersProblem,
  yes,
} from './sets.ts'
import type { GroupCount, ListenerCount } from './summary.ts'
import { dialFailure, upstream, upstreamFailure } from './upstream-checks.ts'
import type { UserField } from './user-event.ts'

type Fields<T extends EventType> = Omit<Extract<MtscopeEvent, { type: T }>, 'v' | 'type' | 'at'>

const connection = hex(32)
const client = hex(16)
const session = { mode, user: label, dc: integer, media: flag }
const clientPath = {
  clientRttMs: optional(amount),
  clientSegments: optional(count),
  clientRetransmits: optional(count),
  clientDeliveryRate: optional(amount),
}
const loop: Shape<LoopSample> = { thread: label, delayP50Ms: amount, delayP99Ms: amount, utilization: amount }
const counted = <T>(shape: Shape<T>): Check<T> => {
  const fields = fieldsOf(shape)
  return (value): value is T => misfit(value, fields) === null
}
const refusalCount: Shape<RefusalCount> = {
  reason: rejection,
  fronted: flag,
  count,
  ja4: optional(label),
  user: optional(label),
  skewSeconds: optional(number),
  groups: optional(list(counted<GroupCount>({ group: count, count }))),
}
const closeCount: Shape<CloseCount> = {
  by: side,
  phase,
  reason: closing,
  count,
  bytesToClient: count,
  bytesToDatacenter: count,
}
const user = { user: label, enabled: flag, changedAt: count, by: label }
const userField = oneOf<UserField>({ secret: true, enabled: true, limits: true })
const alert = { rule: text, subject: text, value: number, baseline: number, since: amount, summary: text }

/** The checks of the newest version of each event. */
export const shapes: { readonly [T in EventType]: Shape<Fields<T>> } = {
  'connection.accepted': { connection, prefix, client, family, worker: count, listener: optional(label) },
  'handshake.accepted': {
    connection,
    ...session,
    transport,
    elapsedMs: amount,
    digest: hex(32),
    client,
    skewSeconds: optional(number),
    ja4: optional(label),
  },
  'handshake.rejected': {
    connection,
    reason: rejection,
    elapsedMs: amount,
    fronted: flag,
    client,
    skewSeconds: optional(number),
    ja4: optional(label),
    user: optional(label),
  },
  'datacenter.dialed': {
    connection,
    ...session,
    address: label,
    family,
    pooled: flag,
    elapsedMs: amount,
    via: optional(oneOf<'middle-proxy'>({ 'middle-proxy': true })),
    fallback: optional(yes),
    upstream: optional(upstream),
  },
  'datacenter.dial-failed': dialFailure,
  'upstream.failed': upstreamFailure,
  'middle-proxy.failed': {
    connection: optional(connection),
    dc: integer,
    media: flag,
    address: label,
    family,
    error: dialError,
    elapsedMs: amount,
  },
  'connection.first-byte': {
    connection,
    ...session,
    direction,
    sinceAcceptedMs: amount,
    sinceRequestMs: optional(amount),
  },
  'connection.progress': {
    connection,
    ...session,
    bytesToClient: count,
    bytesToDatacenter: count,
    ...clientPath,
  },
  'connection.closed': {
    connection,
    mode: optional(mode),
    user: optional(label),
    dc: optional(integer),
    media: optional(flag),
    by: side,
    phase,
    reason: closing,
    bytesToClient: count,
    bytesToDatacenter: count,
    untoldToClient: count,
    untoldToDatacenter: count,
    durationMs: amount,
    listener: optional(label),
    ...clientPath,
  },
  'process.started': { version: label, settings: texts },
  'process.stopped': { reason: text },
  'process.sampled': {
    intervalMs: amount,
    cpuUserMs: amount,
    cpuSystemMs: amount,
    hostCpu: amount,
    cores: count,
    rssBytes: amount,
    heapUsedBytes: amount,
    externalBytes: amount,
    loops: list(counted(loop)),
    openFds: count,
    maxFds: count,
    gcMs: amount,
    openConnections: count,
    uptimeSeconds: amount,
  },
  'datacenter.probed': {
    dc: integer,
    media: flag,
    family,
    address: label,
    tcpMs: optional(amount),
    resPqMs: optional(amount),
    error: optional(dialError),
    upstream: optional(upstream),
  },
  'middle-proxy.probed': {
    dc: integer,
    media: flag,
    family,
    address: label,
    tcpMs: optional(amount),
    handshakeMs: optional(amount),
    pingMs: optional(amount),
    error: optional(dialError),
  },
  'middle-proxies.read': {
    document: middleProxyDocument,
    entries: count,
    fetchedAt: optional(amount),
    error: optional(readError),
  },
  'networks.loaded': { list: networkList, networks: count, failed: count, missing: count, ageMs: amount },
  'header.refused': { reason: oneOf(headerRefusals), count, worker: count, listener: optional(label) },
  'limit.refused': { limit, count, worker: count },
  'replay.unclaimed': { count, action, worker: count },
  'connections.summarised': {
    worker: count,
    intervalMs: amount,
    accepted: count,
    prefixes: list(counted({ prefix, count })),
    listeners: optional(list(counted<ListenerCount>({ listener: label, count }))),
    refusals: list(counted(refusalCount)),
    closes: list(counted(closeCount)),
  },
  'process.faulted': { thread: label, count },
  'thread.died': { worker: count, reason: death, connections: count },
  'events.lost': { reason: loss, count },
  'api.changed': { action: apiAction, target: label, by: label },
  'config.reloaded': { users: count, added: list(text), removed: list(text) },
  'user.added': user,
  'user.changed': { ...user, fields: list(userField) },
  'user.removed': user,
  'users.read': { users: count, problem: optional(usersProblem) },
  'alert.raised': alert,
  'alert.cleared': alert,
}
