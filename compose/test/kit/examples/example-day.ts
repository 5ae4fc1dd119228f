import type { ProxyEvent } from '../../../../proxy/events/contract.ts'

const own = { v: 1, at: 1_700_000_000_000, connection: '0af7651916cd43dd8448eb211c80319c' } as const
const unauthenticatedClient = { ...own, connection: '1bf7651916cd43dd8448eb211c80319c' } as const
const session = { mode: 'tls', user: 'alice', dc: 2, media: false } as const
const ofProcess = { v: 1, at: 1_700_000_000_000 } as const
const bytes = { bytesToClient: 700, bytesToDatacenter: 70, untoldToClient: 200, untoldToDatacenter: 20 }
const loop = { thread: 'worker-0', delayP50Ms: 1, delayP99Ms: 20, utilization: 0.25 }
export const probed = {
  ...ofProcess,
  type: 'datacenter.probed',
  dc: 2,
  media: false,
  family: 'ipv4',
} as const

export const ja4 = 't13d1516h2_8daaf6152771_e5627efa2ab1'

/** At least one event of every type, for tests: a client, an unauthenticated client, and the process itself. */
export const day: readonly ProxyEvent[] = [
  { ...ofProcess, type: 'process.started', version: '0.1.0', settings: {} },
  { ...own, type: 'connection.accepted', prefix: '192.0.2.0/24', client: 'c', family: 'ipv4', worker: 0 },
  {
    ...own,
    ...session,
    type: 'handshake.accepted',
    transport: 'abridged',
    elapsedMs: 30,
    digest: '',
    client: '',
    ja4,
  },
  {
    ...ofProcess,
    type: 'datacenter.dial-failed',
    dc: 2,
    media: false,
    address: 'a:1',
    family: 'ipv4',
    error: 'refused',
    elapsedMs: 1,
  },
  {
    ...own,
    ...session,
    type: 'datacenter.dialed',
    address: 'a:1',
    family: 'ipv4',
    pooled: true,
    elapsedMs: 0,
  },
  { ...own, ...session, type: 'connection.first-byte', direction: 'to-datacenter', sinceAcceptedMs: 40 },
  {
    ...own,
    ...session,
    type: 'connection.first-byte',
    direction: 'to-client',
    sinceAcceptedMs: 60_000,
    sinceRequestMs: 90,
  },
  {
    ...own,
    ...session,
    type: 'connection.progress',
    bytesToClient: 500,
    bytesToDatacenter: 50,
    clientRttMs: 40,
  },
  {
    ...unauthenticatedClient,
    type: 'connection.accepted',
    prefix: '192.0.2.0/24',
    client: 'd',
    family: 'ipv4',
    worker: 0,
  },
  {
    ...unauthenticatedClient,
    type: 'handshake.rejected',
    reason: 'replayed',
    elapsedMs: 5,
    fronted: true,
    client: 'd',
    ja4,
  },
  { ...probed, address: 'a:1', tcpMs: 10, resPqMs: 25 },
  { ...probed, address: 'b:1', error: 'timeout' },
  { ...probed, family: 'ipv6', address: 'c:1', error: 'unreachable' },
  { ...ofProcess, type: 'replay.unclaimed', count: 2, action: 'local', worker: 0 },
  {
    ...ofProcess,
    type: 'connections.summarised',
    worker: 0,
    intervalMs: 60_000,
    accepted: 50,
    prefixes: [{ prefix: '203.0.113.0/24', count: 50 }],
    refusals: [
      { reason: 'replayed', fronted: true, count: 30, ja4, groups: [{ group: 1, count: 30 }] },
      { reason: 'timeout', fronted: false, count: 20 },
    ],
    closes: [
      {
        by: 'client',
        phase: 'fronting',
        reason: 'replayed',
        count: 45,
        bytesToClient: 9,
        bytesToDatacenter: 6,
      },
    ],
  },
  { ...ofProcess, type: 'limit.refused', limit: 'handshakes', count: 3, worker: 0 },
  { ...ofProcess, type: 'process.faulted', thread: 'worker-0', count: 5 },
  { ...ofProcess, type: 'thread.died', worker: 0, reason: 'exited', connections: 0 },
  { ...ofProcess, type: 'events.lost', reason: 'worker-queue', count: 4 },
  { ...ofProcess, type: 'config.reloaded', users: 1, added: [], removed: [] },
  {
    ...ofProcess,
    type: 'process.sampled',
    intervalMs: 10_000,
    cpuUserMs: 1,
    cpuSystemMs: 1,
    hostCpu: 0.5,
    cores: 2,
    rssBytes: 1,
    heapUsedBytes: 1,
    externalBytes: 1,
    loops: [loop],
    openFds: 40,
    maxFds: 1024,
    gcMs: 1500,
    openConnections: 1,
    uptimeSeconds: 1,
  },
  {
    ...own,
    ...session,
    ...bytes,
    type: 'connection.closed',
    by: 'client',
    phase: 'relaying',
    reason: 'done',
    durationMs: 1,
    clientRttMs: 60,
    clientSegments: 200,
    clientRetransmits: 3,
    clientDeliveryRate: 400_000,
  },
]
