import fc from 'fast-check'
import { fold } from '../../../../collector/fold/fold.ts'
import { createMemoryState, type State } from '../../../../collector/fold/state.ts'
import type {
  Batch,
  CloseReason,
  Family,
  Mode,
  Phase,
  ProxyEvent,
  Side,
} from '../../../../proxy/events/contract.ts'

// Events for tests: fixed and arbitrary ones.

/** Noon of a Monday (UTC). */
export const noon = Date.UTC(2026, 10, 23, 12)

const connection = '0123456789abcdef0123456789abcdef'

export type SessionLike = {
  at?: number
  mode?: Mode
  user?: string
  dc?: number
  media?: boolean
  by?: Side
  phase?: Phase
  reason?: CloseReason
  toClient?: number
  toDatacenter?: number
}

/** The events of one connection from accept to close, all with the same time. */
export const session = ({
  at = noon,
  mode = 'tls',
  user = 'ann',
  dc = 2,
  media = false,
  by = 'client',
  phase = 'relaying',
  reason = 'done',
  toClient = 0,
  toDatacenter = 0,
}: SessionLike = {}): ProxyEvent[] => {
  const of = { at, connection, mode, user, dc, media }
  const client = '00112233aabbccdd'
  return [
    {
      v: 1,
      type: 'connection.accepted',
      at,
      connection,
      prefix: '203.0.113.0/24',
      client,
      family: 'ipv4',
      worker: 0,
    },
    {
      v: 1,
      type: 'handshake.accepted',
      ...of,
      transport: 'padded-intermediate',
      elapsedMs: 40,
      digest: connection,
      client,
    },
    {
      v: 1,
      type: 'datacenter.dialed',
      ...of,
      address: '192.0.2.1:443',
      family: 'ipv4',
      pooled: false,
      elapsedMs: 30,
    },
    {
      v: 1,
      type: 'connection.closed',
      ...of,
      by,
      phase,
      reason,
      bytesToClient: toClient,
      bytesToDatacenter: toDatacenter,
      untoldToClient: toClient,
      untoldToDatacenter: toDatacenter,
      durationMs: 5000,
    },
  ]
}

export const probe = (
  at: number,
  outcome: number | 'timeout',
  dc = 2,
  family: Family = 'ipv4',
): Extract<ProxyEvent, { type: 'datacenter.probed' }> => ({
  v: 1,
  type: 'datacenter.probed',
  at,
  dc,
  media: false,
  family,
  address: family === 'ipv4' ? '192.0.2.1:443' : '[2001:db8::1]:443',
  ...(outcome === 'timeout' ? { error: outcome } : { tcpMs: outcome / 2, resPqMs: outcome }),
})

type SampleOf = { hostCpu?: number; delayP99Ms?: number; openFds?: number; openConnections?: number }

export const sampled = (at: number, of: SampleOf = {}): ProxyEvent => ({
  v: 1,
  type: 'process.sampled',
  at,
  intervalMs: 10_000,
  cpuUserMs: 3000,
  cpuSystemMs: 1000,
  hostCpu: of.hostCpu ?? 0.3,
  cores: 2,
  rssBytes: 100e6,
  heapUsedBytes: 30e6,
  externalBytes: 5e6,
  loops: [
    { thread: 'main', delayP50Ms: 1, delayP99Ms: 2, utilization: 0.1 },
    { thread: 'worker-0', delayP50Ms: 1, delayP99Ms: of.delayP99Ms ?? 5, utilization: 0.2 },
  ],
  openFds: of.openFds ?? 100,
  maxFds: 1000,
  gcMs: 4,
  openConnections: of.openConnections ?? 7,
  uptimeSeconds: 60,
})

export const rejected = (
  at: number,
  reason: Extract<ProxyEvent, { type: 'handshake.rejected' }>['reason'],
  more: { client?: string; skewSeconds?: number; user?: string } = {},
): ProxyEvent => ({
  v: 1,
  type: 'handshake.rejected',
  at,
  connection,
  reason,
  elapsedMs: 10,
  fronted: true,
  client: '00112233aabbccdd',
  ...more,
})

/** Folds events as one emitter, one batch after the other. */
export const emitter = (state: State, node = 'n1', boot = 'b1') => {
  let seq = 1
  return (...events: ProxyEvent[]): void => {
    if (events.length === 0) return
    fold(state, { node, boot, seq, events })
    seq += events.length
  }
}

export const folded = (...events: ProxyEvent[]): State => {
  const state = createMemoryState()
  emitter(state)(...events)
  return state
}

// Few moments, so that events of different emitters have the same one.
const at = fc.integer({ min: 0, max: 6 }).map((half) => noon - half * 1_800_000)
const family = fc.constantFrom<Family>('ipv4', 'ipv6')
const bytes = fc.nat(1e9)
const ms = fc.double({ min: 0, max: 1e5, noNaN: true })
const client = fc.constantFrom('00112233aabbccdd', 'ffee112233aabbcc', '1234567890abcdef')
const of = {
  mode: fc.constantFrom<Mode>('classic', 'secure', 'tls'),
  user: fc.constantFrom('ann', 'bob/7', 'Оля'),
  dc: fc.constantFrom(1, 2, -2, 10002),
  media: fc.boolean(),
}
type Values<F> = { [K in keyof F]: F[K] extends fc.Arbitrary<infer V> ? V : never }
const event = <T extends ProxyEvent['type'], F extends Record<string, fc.Arbitrary<unknown>>>(
  type: T,
  fields: F,
): fc.Arbitrary<{ v: 1; type: T; at: number } & Values<F>> =>
  // fast-check's type of a record loses the fields that a generic adds.
  fc.record({ v: fc.constant(1), type: fc.constant(type), at, ...fields }) as fc.Arbitrary<
    { v: 1; type: T; at: number } & Values<F>
  >
const connected = { connection: fc.constant(connection) }
const address = fc.constantFrom('192.0.2.1:443', '[2001:db8::1]:443')
const errors = fc.constantFrom('refused' as const, 'timeout' as const, 'other' as const)

/** Any event of any type. */
export const anyEvent: fc.Arbitrary<ProxyEvent> = fc.oneof(
  event('connection.accepted', {
    ...connected,
    prefix: fc.constant('::/48'),
    client,
    family,
    worker: fc.nat(3),
  }),
  event('handshake.accepted', {
    ...connected,
    ...of,
    transport: fc.constant('abridged' as const),
    elapsedMs: ms,
    digest: fc.constant(connection),
    client,
    skewSeconds: fc.integer({ min: -60, max: 60 }),
  }),
  event('handshake.rejected', {
    ...connected,
    reason: fc.constantFrom('replayed' as const, 'clock-skew' as const, 'timeout' as const),
    elapsedMs: ms,
    fronted: fc.boolean(),
    client,
    skewSeconds: fc.integer({ min: -1e6, max: 1e6 }),
  }),
  event('datacenter.dialed', { ...connected, ...of, address, family, pooled: fc.boolean(), elapsedMs: ms }),
  event('datacenter.dial-failed', {
    dc: of.dc,
    media: of.media,
    address,
    family,
    error: errors,
    elapsedMs: ms,
  }),
  event('connection.first-byte', {
    ...connected,
    ...of,
    direction: fc.constantFrom('to-client' as const, 'to-datacenter' as const),
    sinceAcceptedMs: ms,
    sinceRequestMs: ms,
  }),
  event('connection.progress', { ...connected, ...of, bytesToClient: bytes, bytesToDatacenter: bytes }),
  event('connection.closed', {
    ...connected,
    ...of,
    by: fc.constantFrom<Side>('client', 'datacenter', 'proxy'),
    phase: fc.constantFrom<Phase>('hello', 'dial', 'waiting', 'relaying', 'fronting'),
    reason: fc.constantFrom<CloseReason>('done', 'reset', 'stalled', 'idle', 'drain'),
    bytesToClient: bytes,
    bytesToDatacenter: bytes,
    untoldToClient: bytes,
    untoldToDatacenter: bytes,
    durationMs: ms,
  }),
  event('datacenter.probed', { dc: of.dc, media: of.media, family, address, tcpMs: ms, resPqMs: ms }),
  event('datacenter.probed', { dc: of.dc, media: of.media, family, address, error: errors }),
  event('middle-proxy.probed', { dc: of.dc, media: of.media, family, address, pingMs: ms }),
  event('middle-proxy.probed', { dc: of.dc, media: of.media, family, address, error: errors }),
  event('middle-proxy.failed', { dc: of.dc, media: of.media, family, address, error: errors, elapsedMs: ms }),
  event('middle-proxies.read', {
    document: fc.constant('config' as const),
    entries: fc.nat(40),
    fetchedAt: at,
  }),
  event('process.started', { version: fc.constant('1'), settings: fc.constant({}) }),
  event('process.stopped', { reason: fc.constant('SIGTERM') }),
  fc.tuple(at, fc.nat(1000)).map(([time, openConnections]) => sampled(time, { openConnections })),
  event('limit.refused', {
    limit: fc.constant('connections' as const),
    count: fc.nat(50),
    worker: fc.nat(3),
  }),
  event('process.faulted', { thread: fc.constant('worker-0'), count: fc.nat(50) }),
  event('thread.died', {
    worker: fc.nat(3),
    reason: fc.constant('exited' as const),
    connections: fc.nat(50),
  }),
  event('events.lost', { reason: fc.constant('worker-queue' as const), count: fc.nat(50) }),
  event('config.reloaded', { users: fc.nat(9), added: fc.constant([]), removed: fc.constant([]) }),
)

/** Batches of several emitters, in order within each emitter, with gaps. */
export const histories: fc.Arbitrary<Batch[][]> = fc
  .array(
    fc.array(
      fc.record({
        gap: fc.constantFrom(0, 0, 0, 4),
        events: fc.array(anyEvent, { minLength: 1, maxLength: 5 }),
      }),
      { maxLength: 6 },
    ),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((emitters) =>
    emitters.map((batches, index) => {
      let seq = 1
      return batches.map(({ gap, events }) => {
        const batch = { node: `n${index >> 1}`, boot: `b${index}`, seq: seq + gap, events }
        seq += gap + events.length
        return batch
      })
    }),
  )
