import type { LinkEvents } from '../../net/link.ts'
import { wrapPaced } from '../../wire/records.ts'
import { append } from './append.ts'
import {
  clientLeft,
  closeIfDelivered,
  closeSession,
  faultedPhase as faulted,
  reasonOf,
  recordEnd,
} from './closing.ts'
import { ms, type Relay, type Relayed } from './session.ts'
import { isRated, rated, readSizeFor } from './throttle.ts'

// The path of a byte. No handler here allocates, waits, logs or emits per chunk. Bytes are transformed where the kernel
// has put them; a link that cannot pass them on immediately pauses the other one.

/** Size of one read from a datacenter now: large while few connections share the processor's cache. */
const toClientSize = ({ settings, relaying }: Relay): number => {
  const { low, below, high } = settings.toClientBuffer
  return relaying < below ? high : low
}

/** Sets the sizes of reads for the number of connections and the rate of the user now. */
export const setReadSizes = (relayed: Relayed): void => {
  const { session, datacenter } = relayed
  const { relay, client } = session
  datacenter.readSize = readSizeFor(relayed, 'down', toClientSize(relay))
  client.readSize = readSizeFor(relayed, 'up', relay.settings.toDatacenterBuffer)
}

/** Attaches the handlers for the connection's mode, and for the rate that its user has now. */
export const attachTables = (relayed: Relayed): void => {
  const { session, datacenter, down } = relayed
  const tables = isRated(relayed) ? withRate : plain
  relayed.throttle = tables === plain ? null : { up: false, down: false }
  session.client.attach(tables.fromClient, relayed)
  datacenter.attach(
    down !== null ? tables.reencrypted : session.pace !== null ? tables.wrapped : tables.untouched,
    relayed,
  )
  setReadSizes(relayed)
}

/** Starts relaying: `opening` and the client's bytes so far go to the datacenter in one write. */
export const pump = (relayed: Relayed, opening: Buffer): void => {
  const { session, datacenter } = relayed
  const { client } = session
  const received = session.received ?? Buffer.alloc(0)
  session.received = null
  const first = append(opening, received, 0, received.length)
  const start = opening.length
  relayed.fromClient.apply(first, start, first.length)
  relayed.toDatacenter.apply(first, start, first.length)
  attachTables(relayed)
  if (received.length > 0) countToDatacenter(relayed, received.length)
  if (datacenter.write(first, 0, first.length)) client.resume()
}

const countToDatacenter = (relayed: Relayed, length: number): void => {
  const { session } = relayed
  const { now } = session.relay
  session.bytesToDatacenter += length
  session.activeAt = now
  if (relayed.unansweredAt === 0) relayed.unansweredAt = now
  if (relayed.requestAt === 0) firstByteToDatacenter(relayed)
}

const countToClient = (relayed: Relayed, length: number): void => {
  const { session } = relayed
  session.bytesToClient += length
  session.activeAt = session.relay.now
  relayed.unansweredAt = 0
  if (session.phase === 'waiting') firstByteToClient(relayed)
}

const firstByteToDatacenter = (relayed: Relayed): void => {
  relayed.requestAt = relayed.session.relay.clock()
  emitFirstByte(relayed, 'to-datacenter', {})
}

const firstByteToClient = (relayed: Relayed): void => {
  const { session, requestAt } = relayed
  session.phase = 'relaying'
  emitFirstByte(
    relayed,
    'to-client',
    requestAt > 0 ? { sinceRequestMs: ms(session.relay.clock() - requestAt) } : {},
  )
}

const emitFirstByte = (
  { session }: Relayed,
  direction: 'to-client' | 'to-datacenter',
  request: { sinceRequestMs?: number },
): void => {
  session.relay.emit({
    v: 1,
    type: 'connection.first-byte',
    at: session.relay.epoch(),
    connection: session.id,
    ...session.labels!,
    direction,
    sinceAcceptedMs: ms(session.relay.clock() - session.acceptedAt),
    ...request,
  })
}

/** Pauses the datacenter while the client is slower. */
const block = (relayed: Relayed): void => {
  relayed.datacenter.pause()
  if (relayed.blockedAt === 0) relayed.blockedAt = relayed.session.relay.now
}

const writeToClient = (
  relayed: Relayed,
  buffer: Buffer,
  start: number,
  end: number,
  length: number,
): void => {
  countToClient(relayed, length)
  if (!relayed.session.client.write(buffer, start, end)) block(relayed)
}

const fromClient: LinkEvents<Relayed> = {
  bytes: (relayed, buffer, start, end) => {
    const { session } = relayed
    const to = session.unwrap === null ? end : session.unwrap(buffer, start, end)
    if (to < 0) return closeSession(session, 'client', 'not-mtproto')
    if (to === start) return
    relayed.fromClient.apply(buffer, start, to)
    relayed.toDatacenter.apply(buffer, start, to)
    countToDatacenter(relayed, to - start)
    if (!relayed.datacenter.write(buffer, start, to)) session.client.pause()
  },
  drained: (relayed) => {
    relayed.blockedAt = 0
    if (!relayed.throttle?.down) relayed.datacenter.resume()
    closeIfDelivered(relayed.session, relayed.datacenter)
  },
  ended: (relayed) => {
    const { session, datacenter } = relayed
    recordEnd(session, 'client', clientLeft(relayed))
    session.clientEnded = true
    session.activeAt = session.relay.now
    datacenter.end()
    closeIfDelivered(session, datacenter)
  },
  lost: (relayed, error) => {
    const { session } = relayed
    // A client that the kernel gave up was gone: it did not wait for an answer.
    const waited = error !== 'timeout' && clientLeft(relayed) === 'stalled'
    closeSession(session, session.endedBy ?? 'client', waited ? 'stalled' : reasonOf(error))
  },
  faulted,
}

const fromDatacenter = {
  drained: ({ session, datacenter, throttle }: Relayed): void => {
    if (!throttle?.up) session.client.resume()
    closeIfDelivered(session, datacenter)
  },
  ended: ({ session, datacenter }: Relayed): void => {
    recordEnd(session, 'datacenter', 'done')
    session.farEnded = true
    session.activeAt = session.relay.now
    session.client.end()
    closeIfDelivered(session, datacenter)
  },
  // The client still gets everything that came before; its own bytes have no destination any more.
  lost: ({ session, datacenter }: Relayed, error: 'reset' | 'timeout' | 'other'): void => {
    recordEnd(session, 'datacenter', reasonOf(error))
    session.clientEnded = true
    session.farEnded = true
    session.client.pause()
    session.client.end()
    closeIfDelivered(session, datacenter)
  },
  faulted,
}

/** FAST_MODE without TLS: the datacenter has encrypted for the client. */
const untouched: LinkEvents<Relayed> = {
  ...fromDatacenter,
  bytes: (relayed, buffer, start, end) => writeToClient(relayed, buffer, start, end, end - start),
  passTo: ({ session }) => (session.phase === 'relaying' ? session.client : null),
  passed: (relayed, length) => {
    countToClient(relayed, length)
    if (relayed.session.client.unsent > 0) block(relayed)
  },
}

/** FAST_MODE inside TLS: adds record headers only. */
const wrapped: LinkEvents<Relayed> = {
  ...fromDatacenter,
  bytes: (relayed, buffer, start, end) => {
    const { pace, relay } = relayed.session
    writeToClient(relayed, buffer, start, wrapPaced(buffer, start, end, pace!, relay.now), end - start)
  },
}

const reencrypted: LinkEvents<Relayed> = {
  ...fromDatacenter,
  bytes: (relayed, buffer, start, end) => {
    const { down, session } = relayed
    down?.fromDatacenter.apply(buffer, start, end)
    down?.toClient.apply(buffer, start, end)
    const { pace, relay } = session
    const to = pace === null ? end : wrapPaced(buffer, start, end, pace, relay.now)
    writeToClient(relayed, buffer, start, to, end - start)
  },
}

const plain = { fromClient, untouched, wrapped, reencrypted }
const withRate: typeof plain = {
  fromClient: rated(fromClient, 'up'),
  untouched: rated(untouched, 'down'),
  wrapped: rated(wrapped, 'down'),
  reencrypted: rated(reencrypted, 'down'),
}
