import type {
  CloseCount,
  CloseReason,
  DialError,
  Direction,
  EventType,
  Family,
  GroupCount,
  Limit,
  LossReason,
  Mode,
  MtscopeEvent,
  Phase,
  RefusalCount,
  RejectReason,
  Side,
  Transport,
} from './contract.ts'
import type { DeathReason, LoopSample } from './sample.ts'

/** Whether a parsed value is a T. */
export type Check<T> = (value: unknown) => value is T

/** A check for each field, wrapped in `optional` where the contract has the field optional. */
export type Shape<F> = {
  readonly [K in keyof F]-?: Record<never, never> extends Pick<F, K> ? Optional<F[K]> : Check<F[K]>
}
type Optional<T> = { readonly optional: Check<Exclude<T, undefined>> }
type Fields<T extends EventType> = Omit<Extract<MtscopeEvent, { type: T }>, 'v' | 'type' | 'at'>

const optional = <T>(check: Check<T>): { readonly optional: Check<T> } => ({ optional: check })
const flag: Check<boolean> = (value): value is boolean => typeof value === 'boolean'
const number: Check<number> = (value): value is number => typeof value === 'number' && Number.isFinite(value)
const amount: Check<number> = (value): value is number => number(value) && value >= 0
const count: Check<number> = (value): value is number => amount(value) && Number.isSafeInteger(value)
const integer: Check<number> = (value): value is number => Number.isSafeInteger(value)
const text: Check<string> = (value): value is string => typeof value === 'string' && value.length <= 16384
/** A text that becomes a key or value of the state. Our names have at most 253 characters (a host), most of them 32. */
const label: Check<string> = (value): value is string => text(value) && value.length <= 320
const hex =
  (digits: number): Check<string> =>
  (value): value is string =>
    typeof value === 'string' && value.length === digits && /^[0-9a-f]*$/.test(value)
/** A network. A full address must not pass. */
const prefix: Check<string> = (value): value is string =>
  typeof value === 'string' &&
  /^(\d{1,3}\.\d{1,3}\.\d{1,3}\.0\/24|[0-9a-f]{1,4}(:[0-9a-f]{1,4}){2}::\/48)$/.test(value)
const list =
  <T>(item: Check<T>): Check<readonly T[]> =>
  (value): value is readonly T[] =>
    Array.isArray(value) && value.length <= 4096 && value.every(item)
const texts: Check<Readonly<Record<string, string>>> = (value): value is Readonly<Record<string, string>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(text)
/** Takes a record, not a list: a missing name does not compile. */
const oneOf =
  <T extends string>(names: Readonly<Record<T, true>>): Check<T> =>
  (value): value is T =>
    typeof value === 'string' && Object.hasOwn(names, value)

/** One field of a shape, in the form that `misfit` reads quickly. */
export type Field = {
  readonly name: string
  readonly check: (value: unknown) => boolean
  readonly optional: boolean
}

export function fieldsOf(shape: object): readonly Field[] {
  return Object.entries(shape).map(
    ([name, check]: [string, Field['check'] | { optional: Field['check'] }]) =>
      typeof check === 'function'
        ? { name, check, optional: false }
        : { name, check: check.optional, optional: true },
  )
}

/** The first field that is missing or wrong; null when there is none. Ignores fields that the shape does not name. */
export function misfit(value: unknown, fields: readonly Field[]): string | null {
  if (typeof value !== 'object' || value === null) return 'value'
  for (const field of fields) {
    const given: unknown = Object.hasOwn(value, field.name)
      ? value[field.name as keyof typeof value]
      : undefined
    if (given === undefined ? !field.optional : !field.check(given)) return field.name
  }
  return null
}

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
  limit: true,
  drain: true,
  internal: true,
})
const dialError = oneOf<DialError>({
  refused: true,
  timeout: true,
  unreachable: true,
  reset: true,
  'no-descriptors': true,
  protocol: true,
  other: true,
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
  'datacenter.dialed': { connection, ...session, address: label, family, pooled: flag, elapsedMs: amount },
  'datacenter.dial-failed': {
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
  'config.reloaded': { users: count, added: list(text), removed: list(text) },
  'alert.raised': alert,
  'alert.cleared': alert,
}
