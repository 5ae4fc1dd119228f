/** Any event that the contract allows, for property tests. */
import fc from 'fast-check'
import type {
  CloseReason,
  DialError,
  EventType,
  Limit,
  MiddleProxyDocument,
  MtscopeEvent,
  Phase,
  ProxyEvent,
  ReadError,
  RejectReason,
  Side,
  UpstreamError,
} from '../../../../proxy/events/contract.ts'
import { limits, rejections as rejected } from '../../../../proxy/events/sets.ts'
import {
  amount,
  at,
  count,
  dc,
  family,
  hex,
  mode,
  number,
  prefix,
  text,
  transport,
} from './arbitrary-values.ts'

const rejections = Object.keys(rejected) as RejectReason[]
const closings: readonly CloseReason[] = [
  ...rejections,
  'done',
  'reset',
  'refused',
  'idle',
  'stalled',
  'limit',
  'drain',
  'removed',
  'internal',
]
const dialError = fc.constantFrom<DialError[]>(
  'refused',
  'timeout',
  'unreachable',
  'reset',
  'no-descriptors',
  'protocol',
  'other',
)
const upstreamError = fc.constantFrom<UpstreamError[]>('refused', 'login', 'denied', 'no-source', 'no-ports')
const upstream = fc.constantFrom('direct', 'socks5-1', 'bind-192.0.2.0/24')
const connection = hex(32)
const clientPath = {
  clientRttMs: amount,
  clientSegments: count,
  clientRetransmits: count,
  clientDeliveryRate: amount,
}
const session = { mode, user: text, dc, media: fc.boolean() }
// Objects read from JSON have a prototype.
const plain = { noNullPrototype: true } as const
const loop = fc.record({ thread: text, delayP50Ms: amount, delayP99Ms: amount, utilization: amount }, plain)
const user = { user: text, enabled: fc.boolean(), changedAt: count, by: text }
const alert = { rule: text, subject: text, value: number, baseline: number, since: amount, summary: text }

type Of<T extends EventType> = Extract<MtscopeEvent, { type: T }>
type Arbitraries<F> = { [K in keyof F]-?: fc.Arbitrary<Exclude<F[K], undefined>> }

/** An event of `type` whose `optional` fields may be missing, with its fields in any order. */
const event = <T extends EventType, O extends keyof Of<T> = never>(
  type: T,
  fields: Arbitraries<Omit<Of<T>, 'v' | 'type' | 'at' | O>>,
  optional?: Arbitraries<Pick<Of<T>, O>>,
): fc.Arbitrary<Of<T>> =>
  fc
    .tuple(
      fc.record({ at, ...fields }),
      fc.record<Record<string, unknown>>({ ...optional }, { requiredKeys: [] }),
    )
    .map(([required, some]) => ({ v: 1, type, ...required, ...some }) as unknown as Of<T>)

export const arbitraries: { readonly [T in EventType]: fc.Arbitrary<Of<T>> } = {
  'connection.accepted': event(
    'connection.accepted',
    { connection, prefix, client: hex(16), family, worker: count },
    { listener: text },
  ),
  'handshake.accepted': event(
    'handshake.accepted',
    { connection, ...session, transport, elapsedMs: amount, digest: hex(32), client: hex(16) },
    { skewSeconds: number, ja4: text },
  ),
  'handshake.rejected': event(
    'handshake.rejected',
    {
      connection,
      reason: fc.constantFrom(...rejections),
      elapsedMs: amount,
      fronted: fc.boolean(),
      client: hex(16),
    },
    { skewSeconds: number, ja4: text, user: text },
  ),
  'datacenter.dialed': event(
    'datacenter.dialed',
    { connection, ...session, address: text, family, pooled: fc.boolean(), elapsedMs: amount },
    { via: fc.constant('middle-proxy'), fallback: fc.constant(true), upstream },
  ),
  'datacenter.dial-failed': event(
    'datacenter.dial-failed',
    { dc, media: fc.boolean(), address: text, family, error: dialError, elapsedMs: amount },
    { connection, upstream },
  ),
  'upstream.failed': event(
    'upstream.failed',
    { upstream, error: upstreamError, elapsedMs: amount },
    { connection },
  ),
  'middle-proxy.failed': event(
    'middle-proxy.failed',
    { dc, media: fc.boolean(), address: text, family, error: dialError, elapsedMs: amount },
    { connection },
  ),
  'connection.first-byte': event(
    'connection.first-byte',
    {
      connection,
      ...session,
      direction: fc.constantFrom('to-client' as const, 'to-datacenter' as const),
      sinceAcceptedMs: amount,
    },
    { sinceRequestMs: amount },
  ),
  'connection.progress': event(
    'connection.progress',
    { connection, ...session, bytesToClient: count, bytesToDatacenter: count },
    clientPath,
  ),
  'connection.closed': event(
    'connection.closed',
    {
      connection,
      by: fc.constantFrom<Side[]>('client', 'datacenter', 'proxy'),
      phase: fc.constantFrom<Phase[]>('hello', 'dial', 'waiting', 'relaying', 'fronting'),
      reason: fc.constantFrom(...closings),
      bytesToClient: count,
      bytesToDatacenter: count,
      untoldToClient: count,
      untoldToDatacenter: count,
      durationMs: amount,
    },
    { ...session, ...clientPath, listener: text },
  ),
  'process.started': event('process.started', {
    version: text,
    settings: fc.dictionary(text, text, { noNullPrototype: true }),
  }),
  'process.stopped': event('process.stopped', { reason: text }),
  'process.sampled': event('process.sampled', {
    intervalMs: amount,
    cpuUserMs: amount,
    cpuSystemMs: amount,
    hostCpu: amount,
    cores: count,
    rssBytes: amount,
    heapUsedBytes: amount,
    externalBytes: amount,
    loops: fc.array(loop, { maxLength: 4 }),
    openFds: count,
    maxFds: count,
    gcMs: amount,
    openConnections: count,
    uptimeSeconds: amount,
  }),
  'datacenter.probed': event(
    'datacenter.probed',
    { dc, media: fc.boolean(), family, address: text },
    { tcpMs: amount, resPqMs: amount, error: dialError, upstream },
  ),
  'middle-proxy.probed': event(
    'middle-proxy.probed',
    { dc, media: fc.boolean(), family, address: text },
    { tcpMs: amount, handshakeMs: amount, pingMs: amount, error: dialError },
  ),
  'middle-proxies.read': event(
    'middle-proxies.read',
    { document: fc.constantFrom<MiddleProxyDocument>('config', 'config-v6', 'secret'), entries: count },
    { fetchedAt: amount, error: fc.constantFrom<ReadError>('timeout', 'status', 'implausible') },
  ),
  'header.refused': event(
    'header.refused',
    { reason: fc.constantFrom('untrusted-source', 'bad-header', 'no-header'), count, worker: count },
    { listener: text },
  ),
  'limit.refused': event('limit.refused', {
    limit: fc.constantFrom(...(Object.keys(limits) as Limit[])),
    count,
    worker: count,
  }),
  'connections.summarised': event(
    'connections.summarised',
    {
      worker: count,
      intervalMs: amount,
      accepted: count,
      prefixes: fc.array(fc.record({ prefix, count }, plain), { maxLength: 3 }),
      refusals: fc.array(
        fc.record(
          {
            reason: fc.constantFrom(...rejections),
            fronted: fc.boolean(),
            count,
            ja4: text,
            user: text,
            skewSeconds: number,
            groups: fc.array(fc.record({ group: fc.nat({ max: 63 }), count }, plain), { maxLength: 3 }),
          },
          { ...plain, requiredKeys: ['reason', 'fronted', 'count'] },
        ),
        { maxLength: 3 },
      ),
      closes: fc.array(
        fc.record(
          {
            by: fc.constantFrom<Side[]>('client', 'datacenter', 'proxy'),
            phase: fc.constantFrom<Phase[]>('hello', 'dial', 'waiting', 'relaying', 'fronting'),
            reason: fc.constantFrom(...closings),
            count,
            bytesToClient: count,
            bytesToDatacenter: count,
          },
          plain,
        ),
        { maxLength: 3 },
      ),
    },
    { listeners: fc.array(fc.record({ listener: text, count }, plain), { maxLength: 3 }) },
  ),
  'replay.unclaimed': event('replay.unclaimed', {
    count,
    action: fc.constantFrom('local' as const, 'refuse' as const),
    worker: count,
  }),
  'process.faulted': event('process.faulted', { thread: text, count }),
  'networks.loaded': event('networks.loaded', {
    list: fc.constantFrom('block' as const, 'allow' as const),
    networks: count,
    failed: count,
    missing: count,
    ageMs: count,
  }),
  'thread.died': event('thread.died', {
    worker: count,
    reason: fc.constantFrom('out-of-memory' as const, 'failed' as const, 'exited' as const),
    connections: count,
  }),
  'events.lost': event('events.lost', {
    reason: fc.constantFrom(
      'worker-queue' as const,
      'log-full' as const,
      'log-bounds' as const,
      'unreadable' as const,
    ),
    count,
  }),
  'api.changed': event('api.changed', {
    action: fc.constantFrom('user.add' as const, 'user.rotate' as const, 'node.reload' as const),
    target: text,
    by: text,
  }),
  'config.reloaded': event('config.reloaded', {
    users: count,
    added: fc.array(text, { maxLength: 4 }),
    removed: fc.array(text, { maxLength: 4 }),
  }),
  'user.added': event('user.added', user),
  'user.changed': event('user.changed', {
    ...user,
    fields: fc.subarray(['secret', 'enabled', 'limits'] as const),
  }),
  'user.removed': event('user.removed', user),
  'users.read': event(
    'users.read',
    { users: count },
    {
      problem: fc.constantFrom(...(['file', 'record', 'key', 'clash', 'empty', 'kafka'] as const)),
    },
  ),
  'alert.raised': event('alert.raised', alert),
  'alert.cleared': event('alert.cleared', alert),
}

const { 'alert.raised': _, 'alert.cleared': __, ...ofProxy } = arbitraries
export const anyProxyEvent: fc.Arbitrary<ProxyEvent> = fc.oneof(
  ...(Object.values(ofProxy) as fc.Arbitrary<ProxyEvent>[]),
)
