import type { ProxyEvent } from '../events/contract.ts'
import { isDrop, slowMs } from '../events/outcome.ts'
import type { Sampler } from './sampler.ts'
import { type Attributes, ofUpstream, peer, sessionAttributes } from './span-attributes.ts'

/** A finished span, independent of any SDK. Times are epoch ms. */
export type Span = {
  readonly traceId: string
  readonly spanId: string
  readonly parentId?: string
  readonly name: string
  readonly kind: 'server' | 'client' | 'internal'
  readonly start: number
  readonly end: number
  readonly attributes: Attributes
  /** The reason of a failure; such a span has the status error. */
  readonly error?: string
}

type Of<T extends ProxyEvent['type']> = Extract<ProxyEvent, { type: T }>
type Take = (span: Span) => void
type Child = Pick<Span, 'name' | 'start' | 'end' | 'attributes'> & {
  readonly kind?: Span['kind']
  readonly error?: string
}

type Trace = {
  readonly id: string
  readonly acceptedAt: number
  readonly attributes: Attributes
  children: number
  /** How far the clock was set since the connection was accepted, ms. */
  stepMs: number
  /** The current phase of the connection: a span that has not ended. Null when only the close can follow. */
  phase: { readonly name: string; readonly since: number } | null
  /** Spans that wait until something fails; null when the trace is exported in any case. */
  held: Span[] | null
}

/** When the time between two events differs by more than this from what has passed, the clock was set. */
const stepMs = 1_000

/** Time since accept by the monotonic clock, ms; undefined where an event does not have it. */
const passedMs = (event: ProxyEvent): number | undefined => {
  switch (event.type) {
    case 'handshake.accepted':
    case 'handshake.rejected':
      return event.elapsedMs
    case 'connection.first-byte':
      return event.sinceAcceptedMs
    case 'connection.closed':
      return event.durationMs
    default:
      return undefined
  }
}

/** The event at the time that the clock would show had it not been set since accept: no span grows or shrinks by a step. */
const withoutStep = (trace: Trace, event: ProxyEvent): ProxyEvent => {
  const passed = passedMs(event)
  if (passed !== undefined) {
    const off = event.at - trace.acceptedAt - passed
    trace.stepMs = Math.abs(off) > stepMs ? off : 0
  }
  return trace.stepMs === 0 ? event : { ...event, at: event.at - trace.stepMs }
}

/** The id of the nth child: the root's plus n, so that a second fold of the same events makes the same spans. */
const childId = (trace: Trace): string => {
  const low = (Number.parseInt(trace.id.slice(24), 16) + ++trace.children) >>> 0
  return trace.id.slice(16, 24) + low.toString(16).padStart(8, '0')
}

const finish = (take: Take, trace: Trace, span: Span): void => {
  if (trace.held === null) take(span)
  else trace.held.push(span)
}

/** From now on the whole trace is exported: something went wrong for a client. */
const keep = (take: Take, trace: Trace): void => {
  for (const span of trace.held ?? []) take(span)
  trace.held = null
}

const finishChild = (take: Take, trace: Trace, span: Child): void =>
  finish(take, trace, {
    kind: 'internal',
    ...span,
    traceId: trace.id,
    spanId: childId(trace),
    parentId: trace.id.slice(16),
  })

const traceOf = (event: Of<'connection.accepted'>, sampled: boolean): Trace => ({
  id: event.connection,
  acceptedAt: event.at,
  attributes: {
    'network.transport': 'tcp',
    'network.type': event.family,
    'network.protocol.name': 'mtproto',
    'mtscope.client.prefix': event.prefix,
    'thread.name': `worker-${event.worker}`,
    ...(event.listener === undefined ? {} : { 'mtscope.listener': event.listener }),
  },
  children: 0,
  stepMs: 0,
  phase: { name: 'handshake', since: event.at },
  held: sampled ? null : [],
})

const authenticate = (take: Take, trace: Trace, event: Of<'handshake.accepted'>): void => {
  Object.assign(trace.attributes, sessionAttributes(event))
  const attributes: Attributes = { 'mtscope.mode': event.mode, 'mtscope.transport': event.transport }
  if (event.ja4 !== undefined) attributes['tls.client.ja4'] = event.ja4
  finishChild(take, trace, { name: 'handshake', start: trace.acceptedAt, end: event.at, attributes })
  trace.phase = { name: 'dial', since: event.at }
}

/** Does not keep the trace: clients can cause any number of refusals, so the sampler decides about them, too. */
const reject = (take: Take, trace: Trace, event: Of<'handshake.rejected'>): void => {
  finishChild(take, trace, {
    name: 'handshake',
    start: trace.acceptedAt,
    end: event.at,
    attributes: event.ja4 === undefined ? {} : { 'tls.client.ja4': event.ja4 },
    error: event.reason,
  })
  trace.phase = event.fronted ? { name: 'fronting', since: event.at } : null
}

const dial = (take: Take, trace: Trace, event: Of<'datacenter.dialed'>): void => {
  finishChild(take, trace, {
    name: 'dial',
    kind: 'client',
    start: event.at - event.elapsedMs,
    end: event.at,
    attributes: {
      ...peer(event.address),
      'network.type': event.family,
      'mtscope.dial.pooled': event.pooled,
      ...(event.via === undefined ? {} : { 'mtscope.dial.via': event.via }),
      ...(event.fallback ? { 'mtscope.dial.fallback': true } : {}),
      ...ofUpstream(event),
    },
  })
  Object.assign(trace.attributes, ofUpstream(event))
  trace.phase = { name: 'waiting', since: event.at }
}

const failDial = (
  take: Take,
  trace: Trace,
  event: Of<'datacenter.dial-failed'> | Of<'middle-proxy.failed'>,
): void => {
  keep(take, trace)
  finishChild(take, trace, {
    name: 'dial',
    kind: 'client',
    start: event.at - event.elapsedMs,
    end: event.at,
    attributes: {
      ...peer(event.address),
      'network.type': event.family,
      ...(event.type === 'middle-proxy.failed' ? { 'mtscope.dial.via': 'middle-proxy' } : ofUpstream(event)),
    },
    error: event.error,
  })
}

const leaveUpstream = (take: Take, trace: Trace, event: Of<'upstream.failed'>): void => {
  keep(take, trace)
  finishChild(take, trace, {
    name: 'dial',
    kind: 'client',
    start: event.at - event.elapsedMs,
    end: event.at,
    attributes: ofUpstream(event),
    error: event.error,
  })
}

const firstByte = (take: Take, trace: Trace, event: Of<'connection.first-byte'>): void => {
  if (event.direction === 'to-datacenter') {
    if (trace.phase?.name === 'waiting') trace.phase = { name: 'waiting', since: event.at }
    return
  }
  const waitedMs = event.sinceRequestMs ?? event.at - (trace.phase?.since ?? event.at)
  if (waitedMs > slowMs) keep(take, trace)
  finishChild(take, trace, { name: 'waiting', start: event.at - waitedMs, end: event.at, attributes: {} })
  trace.phase = { name: 'relaying', since: event.at }
}

/** Ends the current phase and the root span. */
const close = (take: Take, trace: Trace, event: Of<'connection.closed'>): void => {
  const dropped = isDrop(event.phase, event.reason)
  const error = dropped ? { error: event.reason } : {}
  if (dropped) keep(take, trace)
  if (trace.phase !== null) {
    const { name, since } = trace.phase
    finishChild(take, trace, { name, start: since, end: event.at, attributes: {}, ...error })
  }
  Object.assign(trace.attributes, {
    'mtscope.close.by': event.by,
    'mtscope.close.phase': event.phase,
    'mtscope.close.reason': event.reason,
    'mtscope.bytes.to_client': event.bytesToClient,
    'mtscope.bytes.to_datacenter': event.bytesToDatacenter,
    ...(event.clientRttMs === undefined ? {} : { 'mtscope.client.rtt_ms': event.clientRttMs }),
    ...(event.clientRetransmits === undefined
      ? {}
      : { 'mtscope.client.retransmits': event.clientRetransmits }),
    ...(event.clientDeliveryRate === undefined
      ? {}
      : { 'mtscope.client.delivery_rate': event.clientDeliveryRate }),
  })
  finish(take, trace, {
    traceId: trace.id,
    spanId: trace.id.slice(16),
    name: 'connection',
    kind: 'server',
    start: trace.acceptedAt,
    end: event.at,
    attributes: trace.attributes,
    ...error,
  })
}

/**
 * Folds events into spans: one trace per connection, with the connection's id; the root span's id is its last 16 digits.
 * `take` gets each phase when it ends, and the root at the close. A trace outside the sample waits in memory until a dial
 * fails, the connection drops or is slow. Beyond `capacity` open traces the oldest is discarded: its close may be lost.
 */
export const foldSpans = (sampled: Sampler, take: Take, capacity = 50_000): ((event: ProxyEvent) => void) => {
  const open = new Map<string, Trace>()
  const accept = (event: Of<'connection.accepted'>): void => {
    if (open.size >= capacity) open.delete(open.keys().next().value ?? '')
    open.set(event.connection, traceOf(event, sampled(event.connection)))
  }

  return (emitted) => {
    if (emitted.type === 'connection.accepted') return accept(emitted)
    const trace = 'connection' in emitted && emitted.connection ? open.get(emitted.connection) : undefined
    if (trace === undefined) return
    const event = withoutStep(trace, emitted)
    switch (event.type) {
      case 'handshake.accepted':
        return authenticate(take, trace, event)
      case 'handshake.rejected':
        return reject(take, trace, event)
      case 'datacenter.dialed':
        return dial(take, trace, event)
      case 'datacenter.dial-failed':
      case 'middle-proxy.failed':
        return failDial(take, trace, event)
      case 'upstream.failed':
        return leaveUpstream(take, trace, event)
      case 'connection.first-byte':
        return firstByte(take, trace, event)
      case 'connection.closed':
        close(take, trace, event)
        open.delete(trace.id)
        return
      case 'connection.accepted':
      case 'connection.progress':
      case 'process.started':
      case 'process.stopped':
      case 'process.sampled':
      case 'datacenter.probed':
      case 'middle-proxy.probed':
      case 'middle-proxies.read':
      case 'networks.loaded':
      case 'header.refused':
      case 'limit.refused':
      case 'replay.unclaimed':
      case 'connections.summarised':
      case 'process.faulted':
      case 'thread.died':
      case 'events.lost':
      case 'api.changed':
      case 'config.reloaded':
      case 'user.added':
      case 'user.changed':
      case 'user.removed':
      case 'users.read':
        return
    }
    event satisfies never
  }
}
