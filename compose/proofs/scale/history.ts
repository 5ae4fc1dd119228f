import { randomBytes } from 'node:crypto'
import { tickMs } from '../../../collector/fold/retention.ts'
import type { ProxyEvent, Session } from '../../../proxy/events/contract.ts'

/** The size of a simulated fleet. */
export type FleetSize = { readonly nodes: number; readonly users: number }

/** What one node of it emits, as a proxy would. Ids are random: events that compress too well would hide their cost. */
export type NodeHistory = {
  /** The start of the process, and the connections that stay open. */
  begin(at: number): ProxyEvent[]
  /** A sample, and now and then a probe of a datacenter. To be called once a tick. */
  sample(at: number): ProxyEvent[]
  /** A connection from accept to close; one in 16 is of an unauthenticated client. */
  connection(at: number): ProxyEvent[]
}

const dcs = [1, 2, 3, 4, 5] as const
/** Connections that each node opens at its start and never closes. */
export const staying = 5
const usersOfNode = 20

export const nodeName = (node: number): string => `node-${String(node).padStart(4, '0')}`
export const userName = (user: number): string => `user-${String(user).padStart(4, '0')}`

/** Whole numbers from 0 to below `end`, the same in each run. */
type Draw = (end: number) => number

const drawFrom = (seed: number): Draw => {
  let state = seed
  return (end) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * end)
  }
}

const hex = (bytes: number): string => randomBytes(bytes).toString('hex')
const addressOf = (dc: number): string => `149.154.175.${50 + dc}:443`

type Of = Session & { readonly connection: string }

const accepted = (draw: Draw, at: number, connection: string, client: string): ProxyEvent => ({
  v: 1,
  type: 'connection.accepted',
  at,
  connection,
  prefix: `${1 + draw(200)}.${draw(256)}.${draw(256)}.0/24`,
  client,
  family: 'ipv4',
  worker: draw(2),
})

/** From accept to the dialed datacenter. */
const opened = (draw: Draw, at: number, of: Of): ProxyEvent[] => {
  const client = hex(8)
  const signed = { skewSeconds: draw(5) - 2, ja4: 't13d1516h2_8daaf6152771_e5627efa2ab1' }
  return [
    accepted(draw, at, of.connection, client),
    {
      v: 1,
      type: 'handshake.accepted',
      at: at + 40,
      ...of,
      transport: 'padded-intermediate',
      elapsedMs: 20 + draw(400) / 10,
      digest: hex(16),
      client,
      ...(of.mode === 'tls' ? signed : {}),
    },
    {
      v: 1,
      type: 'datacenter.dialed',
      at: at + 41,
      ...of,
      address: addressOf(of.dc),
      family: 'ipv4',
      pooled: draw(4) > 0,
      elapsedMs: draw(600) / 10,
    },
  ]
}

/** From the first byte up to the close. */
const answered = (draw: Draw, at: number, of: Of): ProxyEvent[] => {
  const [bytesToClient, bytesToDatacenter] = [2_000 + draw(200_000), 200 + draw(9_000)]
  const sinceAcceptedMs = 60 + draw(500) / 10
  const sinceRequestMs = 30 + draw(900) / 10
  const first = { v: 1, type: 'connection.first-byte', ...of } as const
  return [
    { ...first, at: at + 60, direction: 'to-datacenter', sinceAcceptedMs },
    {
      ...first,
      at: at + 120,
      direction: 'to-client',
      sinceAcceptedMs: sinceAcceptedMs + sinceRequestMs,
      sinceRequestMs,
    },
    {
      v: 1,
      type: 'connection.closed',
      at: at + 900,
      ...of,
      by: 'client',
      phase: 'relaying',
      reason: draw(100) === 0 ? 'reset' : 'done',
      bytesToClient,
      bytesToDatacenter,
      untoldToClient: bytesToClient,
      untoldToDatacenter: bytesToDatacenter,
      durationMs: 900,
    },
  ]
}

const fronted = (draw: Draw, at: number): ProxyEvent[] => {
  const [connection, client] = [hex(16), hex(8)]
  return [
    accepted(draw, at, connection, client),
    {
      v: 1,
      type: 'handshake.rejected',
      at: at + 5,
      connection,
      reason: 'not-mtproto',
      elapsedMs: 5,
      fronted: true,
      client,
    },
    {
      v: 1,
      type: 'connection.closed',
      at: at + 80,
      connection,
      by: 'client',
      phase: 'fronting',
      reason: 'done',
      bytesToClient: 4_000 + draw(2_000),
      bytesToDatacenter: 300,
      untoldToClient: 0,
      untoldToDatacenter: 0,
      durationMs: 80,
    },
  ]
}

const sampled = (draw: Draw, at: number): ProxyEvent => ({
  v: 1,
  type: 'process.sampled',
  at,
  intervalMs: tickMs,
  cpuUserMs: 600 + draw(300),
  cpuSystemMs: 200 + draw(100),
  hostCpu: draw(60) / 100,
  cores: 2,
  rssBytes: 1e8 + draw(1e6),
  heapUsedBytes: 2e7 + draw(1e6),
  externalBytes: 8e6,
  loops: ['main', 'worker-0', 'worker-1'].map((thread) => ({
    thread,
    delayP50Ms: 0.25,
    delayP99Ms: 1 + draw(40) / 10,
    utilization: draw(50) / 100,
  })),
  openFds: 100 + draw(100),
  maxFds: 65_536,
  gcMs: draw(80) / 10,
  openConnections: staying + draw(50),
  uptimeSeconds: 3_600,
})

export const nodeHistory = (node: number, { nodes, users }: FleetSize): NodeHistory => {
  const draw = drawFrom(node + 1)
  let ticks = node
  /** The users of a node are neighbours: a user has several nodes, and a node several users. */
  const session = (): Of => ({
    connection: hex(16),
    mode: draw(3) === 0 ? 'secure' : 'tls',
    user: userName((Math.floor((node * users) / nodes) + draw(Math.min(users, usersOfNode))) % users),
    dc: dcs[draw(dcs.length)] ?? 2,
    media: draw(8) === 0,
  })
  const probed = (at: number): ProxyEvent => {
    const dc = dcs[draw(dcs.length)] ?? 2
    const resPqMs = 40 + draw(200) / 10
    const address = addressOf(dc)
    return {
      v: 1,
      type: 'datacenter.probed',
      at,
      dc,
      media: false,
      family: 'ipv4',
      address,
      tcpMs: 20,
      resPqMs,
    }
  }
  return {
    begin: (at) => [
      { v: 1, type: 'process.started', at, version: '0.2.0', settings: { port: '8080', users: `${users}` } },
      ...Array.from({ length: staying }, () => opened(draw, at, session())).flat(),
    ],
    sample: (at) => [sampled(draw, at), ...(ticks++ % 3 === 0 ? [probed(at)] : [])],
    connection: (at) => {
      if (draw(16) === 0) return fronted(draw, at)
      const of = session()
      return [...opened(draw, at, of), ...answered(draw, at, of)]
    },
  }
}
