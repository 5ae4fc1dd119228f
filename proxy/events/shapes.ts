import { apiActions } from './api-action.ts'
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
import type {
  CloseCount,
  CloseReason,
  Direction,
  EventType,
  Family,
  GroupCount,
  Limit,
  LossReason,
  MiddleProxyDocument,
  Mode,
  MtscopeEvent,
  Phase,
  ReadError,
  RefusalCount,
  RejectReason,
  Side,
  Transport,
} from './contract.ts'
import type { DeathReason, LoopSample } from './sample.ts'
import { dialFailure, upstream, upstreamFailure } from './upstream-checks.ts'
import type { UserField } from './user-event.ts'

type Fields<T extends EventType> = Omit<Extract<MtscopeEvent, { type: T }>, 'v' | 'type' | 'at'>

const yes: Check<true> = (value): value is true => value === true
const mode = oneOf<Mode>({ classic: true, secure: true, tls: true })
const transport = oneOf<Transport>({ abridged: true, intermediate: true, 'padded-intermediate': true })
const family = oneOf<Family>({ ipv4: true, ipv6: true })
const side = oneOf<Side>({ client: true, datacenter: true, proxy: true })
const phase = oneOf<Phase>({ hello: true, dial: true, waiting: true, relaying: true, fronting: true })
const direction = oneOf<Direction>({ 'to-client': true, 'to-datacenter': true })
export const limits: Readonly<Record<Limit, true>> = {
  connections: true,
  handshakes: true,
  strangers: true,
  'file-descriptors': true,
}
const limit = oneOf(limits)
const action = oneOf<'local' | 'refuse'>({ local: true, refuse: true })
export const losses: Readonly<Record<LossReason, true>> = {
  'worker-queue': true,
  'log-full': true,
  'log-bounds': true,
  unreadable: true,
}
const loss = oneOf(losses)
const apiAction = oneOf(apiActions)

export const deathReasons: Readonly<Record<DeathReason, true>> = {
  'out-of-memory': true,
  failed: true,
  exited: true,
}
const death = oneOf(deathReasons)
export const rejections: Readonly<Record<RejectReason, true>> = {
  'bad-digest': true,
  'unknown-user': true,
  'unknown-sni': true,
  'mode-off': true,
  'unknown-dc': true,
  'clock-skew': true,
  replayed: true,
  unclaimed: true,
  'malformed-hello': true,
  'not-mtproto': true,
  timeout: true,
}
const rejection = oneOf(rejections)
const closing = oneOf<CloseReason>({
  ...rejections,
  done: true,
  reset: true,
  refused: true,
  idle: true,
  stalled: true,
  upstream: true,
  limit: true,
  drain: true,
  removed: true,
  internal: true,
})
export const middleProxyDocuments: Readonly<Record<MiddleProxyDocument, true>> = {
  config: true,
  'config-v6': true,
  secret: true,
}
const middleProxyDocument = oneOf(middleProxyDocuments)
const readError = oneOf<ReadError>({
  timeout: true,
  unreachable: true,
  status: true,
  'too-long': true,
  malformed: true,
  implausible: true,
})

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
  'connection.accepted': { connection, prefix, client, family, worker: count },
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
  'limit.refused': { limit, count, worker: count },
  'replay.unclaimed': { count, action, worker: count },
  'connections.summarised': {
    worker: count,
    intervalMs: amount,
    accepted: count,
    prefixes: list(counted({ prefix, count })),
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
  'alert.raised': alert,
  'alert.cleared': alert,
}
