import type { HeaderRefusal } from '../events/header-refusal.ts'
import type { Link, LinkEvents } from '../net/link.ts'
import { longestHeader, readProxyHeader } from '../wire/proxy-protocol.ts'
import { acceptClient } from './admission.ts'
import { append } from './sessions/append.ts'
import { authenticating } from './sessions/authenticating.ts'
import { type Arriving, FIRST_READ, type Listener, type Relay } from './sessions/session.ts'

// Clients of a load balancer, until its PROXY protocol header names them.

/** Of one thread: a load balancer sends its header with the first bytes, so that few wait. */
const MOST = 1_024

const count = ({ refusedHeaders }: Relay, listener: Listener, reason: HeaderRefusal): void => {
  const counts = refusedHeaders.get(listener) ?? new Map<HeaderRefusal, number>()
  refusedHeaders.set(listener, counts)
  counts.set(reason, (counts.get(reason) ?? 0) + 1)
}

const leave = (arriving: Arriving): void => {
  arriving.relay.arriving.delete(arriving)
  arriving.client.close()
}

const refuse = (arriving: Arriving, reason: HeaderRefusal): void => {
  count(arriving.relay, arriving.listener, reason)
  leave(arriving)
}

/** Opens the session of the client, whose own bytes are [start, end). */
const enter = (arriving: Arriving, buffer: Buffer, start: number, end: number): void => {
  const { relay, listener, client, named } = arriving
  relay.arriving.delete(arriving)
  const session = acceptClient(relay, client, listener, named)
  if (session !== null && end > start) authenticating.bytes(session, buffer, start, end)
}

const header: LinkEvents<Arriving> = {
  bytes: (arriving, buffer, start, end) => {
    if (arriving.unnamed) return enter(arriving, buffer, start, end)
    const received =
      arriving.received === null ? buffer.subarray(start, end) : append(arriving.received, buffer, start, end)
    const found = readProxyHeader(received, received.length)
    if (found.read === 'bad') return refuse(arriving, 'bad-header')
    if (found.read === 'more') {
      arriving.received = Buffer.from(received)
      return
    }
    const { length } = found
    arriving.named = found.read === 'client' ? found : null
    // A check of HAProxy by version 1 names HAProxy itself.
    const unnamed = arriving.named?.remote.equals(arriving.client.remote) ?? true
    if (!unnamed || received.length > length) return enter(arriving, received, length, received.length)
    arriving.received = null
    arriving.unnamed = true
  },
  drained: () => {},
  // Without a byte, or after a header that names no client: a health check.
  ended: (arriving) => {
    if (arriving.received === null) leave(arriving)
    else refuse(arriving, 'bad-header')
  },
  lost: (arriving) => {
    if (arriving.received === null) leave(arriving)
    else refuse(arriving, 'bad-header')
  },
  faulted: leave,
}

/** Takes a client over: reads its PROXY protocol header first where the listener expects one. */
export const arrive = (relay: Relay, client: Link, listener: Listener): void => {
  if (listener.trusts === null) return void acceptClient(relay, client, listener)
  relay.now = relay.clock()
  if (!listener.trusts(client.remote)) {
    count(relay, listener, 'untrusted-source')
    return client.close()
  }
  for (const oldest of relay.arriving) {
    if (relay.arriving.size < MOST) break
    refuse(oldest, 'no-header')
  }
  const arriving: Arriving = {
    relay,
    listener,
    client,
    since: relay.now,
    received: null,
    named: null,
    unnamed: false,
  }
  // A read never has more than the longest header and a hello.
  client.readSize = Math.max(FIRST_READ, longestHeader)
  relay.arriving.add(arriving)
  client.attach(header, arriving)
}

/** Closes those whose header is late, and connections without a client that have sent nothing. */
export const expireArriving = (relay: Relay, now: number): void => {
  const { handshakeTimeoutMs, firstByteTimeoutMs } = relay.settings
  for (const arriving of relay.arriving) {
    const age = now - arriving.since
    if (age < handshakeTimeoutMs) return
    if (!arriving.unnamed) refuse(arriving, 'no-header')
    else if (age >= firstByteTimeoutMs) leave(arriving)
  }
}

export const closeArriving = (relay: Relay): void => {
  for (const arriving of relay.arriving) leave(arriving)
}

/** Emits the refusals since the last call. */
export const emitRefusedHeaders = ({ refusedHeaders, settings, emit, epoch }: Relay): void => {
  for (const [{ name }, counts] of refusedHeaders) {
    for (const [reason, count] of counts) {
      const listener = name === null ? {} : { listener: name }
      emit({ v: 1, type: 'header.refused', at: epoch(), reason, count, worker: settings.worker, ...listener })
    }
  }
  refusedHeaders.clear()
}
