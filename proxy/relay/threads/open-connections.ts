import type { Phase, ProxyEvent, Session } from '../../events/contract.ts'

type Open = {
  readonly worker: number
  readonly prefix: string
  readonly acceptedAt: number
  readonly listener?: string
  phase: Phase
  session: Session | null
  bytesToClient: number
  bytesToDatacenter: number
}

/** An open connection of a user. The bytes are those that its progress events reported. */
export type UserConnection = Session & Omit<Open, 'session'> & { readonly connection: string }

export type OpenConnections = {
  /** Takes each event of the relay threads. */
  fold(event: ProxyEvent): void
  /** The newest `most` connections of a user, and how many there are. */
  ofUser(
    user: string,
    most: number,
  ): { readonly open: number; readonly connections: readonly UserConnection[] }
  /** The events that close every connection of a thread as `internal`, and their number. */
  endAll(worker: number, at: number): { readonly events: ProxyEvent[]; readonly connections: number }
}

/**
 * The open connections of all relay threads by their events, so that each has its close when its thread dies. Beyond
 * `most` the oldest is removed: its close was lost, since no more connections can be open.
 */
export const trackConnections = (most: number): OpenConnections => {
  const open = new Map<string, Open>()
  /** By worker: connections without events of their own. */
  const counted = new Map<number, number>()
  const fold = (event: ProxyEvent): void => {
    if (event.type === 'connections.summarised') {
      const closed = event.closes.reduce((sum, { count }) => sum + count, 0)
      counted.set(event.worker, (counted.get(event.worker) ?? 0) + event.accepted - closed)
      return
    }
    if (!('connection' in event) || event.connection === undefined) return
    if (event.type === 'connection.accepted') {
      if (open.size >= most) open.delete(open.keys().next().value ?? '')
      open.set(event.connection, {
        worker: event.worker,
        prefix: event.prefix,
        acceptedAt: event.at,
        ...(event.listener !== undefined && { listener: event.listener }),
        phase: 'hello',
        session: null,
        bytesToClient: 0,
        bytesToDatacenter: 0,
      })
      return
    }
    if (event.type === 'connection.closed') return void open.delete(event.connection)
    const connection = open.get(event.connection)
    if (connection !== undefined) advance(connection, event)
  }
  return {
    fold,
    ofUser: (user, most) => {
      const own = [...open].filter(([, { session }]) => session?.user === user)
      const connections = own
        .slice(-most)
        .reverse()
        .map(([id, connection]) => described(id, connection))
      return { open: own.length, connections }
    },
    endAll: (worker, at) => {
      const events: ProxyEvent[] = []
      for (const [id, connection] of open) {
        if (connection.worker !== worker) continue
        open.delete(id)
        events.push(closeOf(id, connection, at))
      }
      const unnamed = Math.max(0, counted.get(worker) ?? 0)
      counted.delete(worker)
      if (unnamed > 0) events.push(summaryOf(worker, unnamed, at))
      return { events, connections: events.length - (unnamed > 0 ? 1 : 0) + unnamed }
    },
  }
}

const described = (connection: string, { session, ...rest }: Open): UserConnection => ({
  connection,
  ...session!,
  ...rest,
})

const advance = (connection: Open, event: ProxyEvent): void => {
  switch (event.type) {
    case 'handshake.accepted': {
      const { mode, user, dc, media } = event
      connection.session = { mode, user, dc, media }
      connection.phase = 'dial'
      return
    }
    case 'handshake.rejected':
      if (event.fronted) connection.phase = 'fronting'
      return
    case 'datacenter.dialed':
      connection.phase = 'waiting'
      return
    case 'connection.first-byte':
      if (event.direction === 'to-client') connection.phase = 'relaying'
      return
    case 'connection.progress':
      connection.bytesToClient += event.bytesToClient
      connection.bytesToDatacenter += event.bytesToDatacenter
  }
}

const cause = { by: 'proxy', reason: 'internal' } as const

/** Bytes after the last `connection.progress` are not known. */
const closeOf = (id: string, connection: Open, at: number): ProxyEvent => ({
  v: 1,
  type: 'connection.closed',
  at,
  connection: id,
  ...connection.session,
  ...cause,
  phase: connection.phase,
  bytesToClient: connection.bytesToClient,
  bytesToDatacenter: connection.bytesToDatacenter,
  untoldToClient: 0,
  untoldToDatacenter: 0,
  durationMs: Math.max(0, at - connection.acceptedAt),
  ...(connection.listener !== undefined && { listener: connection.listener }),
})

/** A connection without events of its own that is still open is fronted. */
const summaryOf = (worker: number, count: number, at: number): ProxyEvent => ({
  v: 1,
  type: 'connections.summarised',
  at,
  worker,
  intervalMs: 0,
  accepted: 0,
  prefixes: [],
  refusals: [],
  closes: [{ ...cause, phase: 'fronting', count, bytesToClient: 0, bytesToDatacenter: 0 }],
})
