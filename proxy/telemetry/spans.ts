import type { ProxyEvent, Session } from '../events/contract.ts'
import { isDrop, slowMs } from '../events/outcome.ts'
import type { Sampler } from './sampler.ts'

export type Attributes = Record<string, string | number | boolean>

/** A finished span, free of any SDK. Times are epoch ms. */
export type Span = {
  readonly traceId: string
  readonly spanId: string
  readonly parentId?: string
  readonly name: string
  readonly kind: 'server' | 'client' | 'internal'
  readonly start: number
  readonly end: number
  readonly attributes: Attributes
  /** What went wrong: the span's status is error then. */
  readonly error?: string
}

type Trace = {
  readonly id: string
  readonly acceptedAt: number
  readonly attributes: Attributes
  children: number
  /** How far the clock was set since the connection was accepted, ms. */
  stepMs: number
  /** What the connection does now, as a span yet to end. Null once nothing is left to tell but the close. */
  phase: { readonly name: string; readonly since: number } | null
  /** Spans kept back until something goes wrong; null when the trace is exported anyway. */
  held: Span[] | null
}

/** Beyond this the time between two events is not what passed between them: the clock was set. */
const stepMs = 1_000

/** How long ago the connection was accepted, by the clock that is never set; undefined where an event does not have it. */
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

/** The event in the time of the clock as it was when the connection was accepted: no span is longer or shorter by a step. */
const evened = (trace: Trace, event: ProxyEvent): ProxyEvent => {
  const passed = passedMs(event)
  if (passed !== undefined) {
    const off = event.at - trace.acceptedAt - passed
    trace.stepMs = Math.abs(off) > stepMs ? off : 0
  }
  return trace.stepMs === 0 ? event : { ...event, at: event.at - trace.stepMs }
}

const sessionAttributes = ({ mode, user, dc, media }: Session): Attributes => ({
  'mtscope.mode': mode,
  'mtscope.user': user,
  'mtscope.dc': dc,
  'mtscope.media': media,
})

/** The id of the nth child: the root's plus n, so that folding the same facts again gives the same spans. */
const childId = (trace: Trace): string => {
  const low = (Number.parseInt(trace.id.slice(24), 16) + ++trace.children) >>> 0
  return trace.id.slice(16, 24) + low.toString(16).padStart(8, '0')
}

const peer = (address: string): Attributes => {
  const colon = address.lastIndexOf(':')
  return {
    'network.peer.address': address.slice(0, colon).replace(/^\[|\]$/g, ''),
    'network.peer.port': Number(address.slice(colon + 1)),
  }
}

/**
 * Spans as a fold over facts: one trace a connection, whose id is the connection's and whose root span id is its last
 * 16 digits. Phases are handed to `take` when they end and the connection at its close. A trace that the sampler leaves
 * out waits in memory until it fails, drops or is slow, and is forgotten when it does none of them. That of a refused
 * handshake is never exported against the sampler's word.
 *
 * At most `capacity` traces are open: beyond it the oldest is forgotten, as one whose close was lost must be.
 */
export const foldSpans = (
  sampled: Sampler,
  take: (span: Span) => void,
  capacity = 50_000,
): ((event: ProxyEvent) => void) => {
  const open = new Map<string, Trace>()

  const report = (trace: Trace, span: Span): void => {
    if (trace.held === null) take(span)
    else trace.held.push(span)
  }

  const keep = (trace: Trace): void => {
    for (const span of trace.held ?? []) take(span)
    trace.held = null
  }

  /** One that went wrong for a client: all of its trace is exported. */
  const failed = (trace: Trace, span: Parameters<typeof child>[1]): void => {
    keep(trace)
    child(trace, span)
  }

  const child = (
    trace: Trace,
    span: Pick<Span, 'name' | 'start' | 'end' | 'attributes'> & { kind?: Span['kind']; error?: string },
  ): void => {
    report(trace, {
      kind: 'internal',
      ...span,
      traceId: trace.id,
      spanId: childId(trace),
      parentId: trace.id.slice(16),
    })
  }

  const close = (trace: Trace, event: Extract<ProxyEvent, { type: 'connection.closed' }>): void => {
    const dropped = isDrop(event.phase, event.reason)
    const error = dropped ? { error: event.reason } : {}
    if (dropped) keep(trace)
    if (trace.phase !== null) {
      child(trace, {
        name: trace.phase.name,
        start: trace.phase.since,
        end: event.at,
        attributes: {},
        ...error,
      })
    }
    Object.assign(trace.attributes, {
      'mtscope.close.by': event.by,
      'mtscope.close.phase': event.phase,
      'mtscope.close.reason': event.reason,
      'mtscope.bytes.to_client': event.bytesToClient,
      'mtscope.bytes.to_datacenter': event.bytesToDatacenter,
    })
    report(trace, {
      traceId: trace.id,
      spanId: trace.id.slice(16),
      name: 'connection',
      kind: 'server',
      start: trace.acceptedAt,
      end: event.at,
      attributes: trace.attributes,
      ...error,
    })
    open.delete(trace.id)
  }

  const accept = (event: Extract<ProxyEvent, { type: 'connection.accepted' }>): void => {
    if (open.size >= capacity) {
      for (const oldest of open.keys()) {
        open.delete(oldest)
        break
      }
    }
    open.set(event.connection, {
      id: event.connection,
      acceptedAt: event.at,
      attributes: {
        'network.transport': 'tcp',
        'network.type': event.family,
        'network.protocol.name': 'mtproto',
        'mtscope.client.prefix': event.prefix,
        'thread.name': `worker-${event.worker}`,
      },
      children: 0,
      stepMs: 0,
      phase: { name: 'handshake', since: event.at },
      held: sampled(event.connection) ? null : [],
    })
  }

  return (reported) => {
    if (reported.type === 'connection.accepted') return accept(reported)
    const trace = 'connection' in reported && reported.connection ? open.get(reported.connection) : undefined
    if (trace === undefined) return
    const event = evened(trace, reported)
    switch (event.type) {
      case 'handshake.accepted': {
        Object.assign(trace.attributes, sessionAttributes(event))
        const attributes: Attributes = { 'mtscope.mode': event.mode, 'mtscope.transport': event.transport }
        if (event.ja4 !== undefined) attributes['tls.client.ja4'] = event.ja4
        child(trace, { name: 'handshake', start: trace.acceptedAt, end: event.at, attributes })
        trace.phase = { name: 'dial', since: event.at }
        return
      }
      case 'handshake.rejected':
        // As many as care to come: the sampler decides of these, too.
        child(trace, {
          name: 'handshake',
          start: trace.acceptedAt,
          end: event.at,
          attributes: event.ja4 === undefined ? {} : { 'tls.client.ja4': event.ja4 },
          error: event.reason,
        })
        trace.phase = event.fronted ? { name: 'fronting', since: event.at } : null
        return
      case 'datacenter.dialed':
        child(trace, {
          name: 'dial',
          kind: 'client',
          start: event.at - event.elapsedMs,
          end: event.at,
          attributes: {
            ...peer(event.address),
            'network.type': event.family,
            'mtscope.dial.pooled': event.pooled,
          },
        })
        trace.phase = { name: 'waiting', since: event.at }
        return
      case 'datacenter.dial-failed':
        failed(trace, {
          name: 'dial',
          kind: 'client',
          start: event.at - event.elapsedMs,
          end: event.at,
          attributes: { ...peer(event.address), 'network.type': event.family },
          error: event.error,
        })
        return
      case 'connection.first-byte': {
        if (event.direction === 'to-datacenter') {
          if (trace.phase?.name === 'waiting') trace.phase = { name: 'waiting', since: event.at }
          return
        }
        const waitedMs = event.sinceRequestMs ?? event.at - (trace.phase?.since ?? event.at)
        if (waitedMs > slowMs) keep(trace)
        child(trace, { name: 'waiting', start: event.at - waitedMs, end: event.at, attributes: {} })
        trace.phase = { name: 'relaying', since: event.at }
        return
      }
      case 'connection.closed':
        close(trace, event)
        return
      case 'connection.accepted':
      case 'connection.progress':
      case 'process.started':
      case 'process.stopped':
      case 'process.sampled':
      case 'datacenter.probed':
      case 'limit.refused':
      case 'replay.unclaimed':
      case 'connections.summarised':
      case 'process.faulted':
      case 'events.lost':
      case 'config.reloaded':
        return
    }
    event satisfies never
  }
}
