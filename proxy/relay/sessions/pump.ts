import type { LinkEvents } from '../../net/link.ts'
import { wrap } from '../../wire/records.ts'
import {
  append,
  clientLeft,
  closeSession,
  delivered,
  ended,
  faulted,
  ms,
  reasonOf,
  type Session,
} from './session.ts'

// The path of a byte. Nothing here allocates, waits, logs or tells per chunk: bytes are transformed where the kernel
// has put them, and what a link cannot pass on at once pauses the other one.

/** Starts relaying: `opening` and what the client has sent already go to the datacenter in one write. */
export const relay = (session: Session, opening: Buffer): void => {
  const { client, relay: thread } = session
  const datacenter = session.datacenter!
  const early = session.greeting ?? Buffer.alloc(0)
  session.greeting = null
  const first = append(opening, early, 0, early.length)
  const start = opening.length
  session.fromClient!.apply(first, start, first.length)
  session.toDatacenter!.apply(first, start, first.length)
  client.readSize = thread.settings.toDatacenterBuffer
  datacenter.readSize = thread.toClientSize()
  client.attach(fromClient, session)
  datacenter.attach(
    session.toClient !== null ? reencrypted : session.unwrap !== null ? wrapped : untouched,
    session,
  )
  if (early.length > 0) wentUp(session, early.length)
  if (datacenter.write(first, 0, first.length)) client.resume()
}

const wentUp = (session: Session, length: number): void => {
  const { now } = session.relay
  session.bytesToDatacenter += length
  session.activeAt = now
  if (session.unansweredAt === 0) session.unansweredAt = now
  if (session.requestAt === 0) firstByteUp(session)
}

const cameDown = (session: Session, length: number): void => {
  session.bytesToClient += length
  session.activeAt = session.relay.now
  session.unansweredAt = 0
  if (session.phase === 'waiting') firstByteDown(session)
}

const firstByteUp = (session: Session): void => {
  session.requestAt = session.relay.clock()
  firstByte(session, 'to-datacenter', {})
}

const firstByteDown = (session: Session): void => {
  session.phase = 'relaying'
  const { requestAt } = session
  firstByte(
    session,
    'to-client',
    requestAt > 0 ? { sinceRequestMs: ms(session.relay.clock() - requestAt) } : {},
  )
}

const firstByte = (
  session: Session,
  direction: 'to-client' | 'to-datacenter',
  request: { sinceRequestMs?: number },
): void => {
  session.relay.emit({
    v: 1,
    type: 'connection.first-byte',
    at: session.relay.epoch(),
    connection: session.id,
    ...session.who!,
    direction,
    sinceAcceptedMs: ms(session.relay.clock() - session.acceptedAt),
    ...request,
  })
}

/** Passes bytes to the client, and stops the datacenter when the client is slower. */
const down = (session: Session, buffer: Buffer, start: number, end: number, length: number): void => {
  cameDown(session, length)
  if (session.client.write(buffer, start, end)) return
  session.datacenter!.pause()
  if (session.blockedAt === 0) session.blockedAt = session.relay.now
}

/** When both have ended and everything is delivered, it is over. */
const settle = (session: Session): void => {
  if (delivered(session)) {
    closeSession(session, session.endedBy ?? 'proxy', session.endReason)
  }
}

const fromClient: LinkEvents<Session> = {
  bytes: (session, buffer, start, end) => {
    const to = session.unwrap === null ? end : session.unwrap(buffer, start, end)
    if (to < 0) return closeSession(session, 'client', 'not-mtproto')
    if (to === start) return
    session.fromClient!.apply(buffer, start, to)
    session.toDatacenter!.apply(buffer, start, to)
    wentUp(session, to - start)
    if (!session.datacenter!.write(buffer, start, to)) session.client.pause()
  },
  drained: (session) => {
    session.blockedAt = 0
    session.datacenter!.resume()
    settle(session)
  },
  ended: (session) => {
    ended(session, 'client', clientLeft(session))
    session.clientEnded = true
    session.activeAt = session.relay.now
    session.datacenter!.end()
    settle(session)
  },
  lost: (session, error) => {
    // Whom the kernel gives up has not waited for an answer: it is gone.
    const waited = error !== 'timeout' && clientLeft(session) === 'stalled'
    closeSession(session, session.endedBy ?? 'client', waited ? 'stalled' : reasonOf(error))
  },
  faulted,
}

const whileRelaying = {
  drained: (session: Session): void => {
    session.client.resume()
    settle(session)
  },
  ended: (session: Session): void => {
    ended(session, 'datacenter', 'done')
    session.datacenterEnded = true
    session.activeAt = session.relay.now
    session.client.end()
    settle(session)
  },
  // The client still gets all that came before; what it sends from now on has nowhere to go.
  lost: (session: Session, error: 'reset' | 'timeout' | 'other'): void => {
    ended(session, 'datacenter', reasonOf(error))
    session.clientEnded = true
    session.datacenterEnded = true
    session.client.pause()
    session.client.end()
    settle(session)
  },
  faulted,
}

/** FAST_MODE, no TLS: the datacenter has encrypted for the client. */
const untouched: LinkEvents<Session> = {
  ...whileRelaying,
  bytes: (session, buffer, start, end) => down(session, buffer, start, end, end - start),
  passTo: (session) => (session.phase === 'relaying' ? session.client : null),
  passed: (session, length) => {
    cameDown(session, length)
    if (session.client.unsent === 0) return
    session.datacenter!.pause()
    if (session.blockedAt === 0) session.blockedAt = session.relay.now
  },
}

/** FAST_MODE inside TLS: only record headers are added. */
const wrapped: LinkEvents<Session> = {
  ...whileRelaying,
  bytes: (session, buffer, start, end) => down(session, buffer, start, wrap(buffer, start, end), end - start),
}

const reencrypted: LinkEvents<Session> = {
  ...whileRelaying,
  bytes: (session, buffer, start, end) => {
    session.fromDatacenter!.apply(buffer, start, end)
    session.toClient!.apply(buffer, start, end)
    down(session, buffer, start, session.unwrap === null ? end : wrap(buffer, start, end), end - start)
  },
}
