import type { Meter } from '@opentelemetry/api'
import type { ProxyEvent } from '../events/contract.ts'
import { stallPhases } from '../events/outcome.ts'
import type { ClientPath } from '../events/sample.ts'
import { rejections } from '../events/sets.ts'
import { isSignedRefusal } from '../events/signed-refusal.ts'
import { metrics } from './catalogue/catalogue.ts'
import { nameFingerprints } from './fingerprints.ts'
import { histogram, observed } from './series.ts'

type Of<T extends ProxyEvent['type']> = Extract<ProxyEvent, { type: T }>
type Refusal = Omit<Of<'connections.summarised'>['refusals'][number], 'count' | 'groups'>

const none = 'none'

/**
 * Creates the series of these labels with the value 0. Prometheus sees no increase in a counter whose first value is 500, so
 * that no alert would fire.
 */
export const startAtZero = <L extends string>(
  cell: (label: L) => unknown,
  labels: Readonly<Record<L, true>>,
): void => {
  for (const label of Object.keys(labels)) cell(label as L) // they are the keys of a Record<L, …>
}

/** The closes that alerts count, as `by phase reason`: their series start at 0, so that a first burst is an increase. */
const watchedEnds = [
  ...['datacenter dial refused', 'datacenter dial timeout', 'client dial reset', 'proxy dial upstream'],
  ...stallPhases.flatMap((phase) => [
    `client ${phase} reset`,
    `client ${phase} timeout`,
    `client ${phase} stalled`,
    `datacenter ${phase} reset`,
    `datacenter ${phase} timeout`,
    `datacenter ${phase} stalled`,
  ]),
  'client relaying done',
].map((text) => text.split(' ') as [string, string, string])

/** Counts refused handshakes. Returns `reject(refusal, count)`. */
const refusalMetrics = (
  meter: Meter,
  hellos: (ja4: string, accepted: boolean, outcome: string) => { value: number },
) => {
  const rejected = observed(meter, metrics.handshakesRejected)
  const signedRefused = observed(meter, metrics.signedRefused)
  const replays = observed(meter, metrics.replaysRefused)()
  const fronted = observed(meter, metrics.fronted)()
  startAtZero(rejected, rejections)
  startAtZero(signedRefused, {
    'unknown-sni': true,
    'mode-off': true,
    'unknown-dc': true,
    'not-mtproto': true,
  })
  return (refusal: Refusal, count: number): void => {
    const { reason, ja4, fronted: toMaskingHost } = refusal
    rejected(reason).value += count
    if (isSignedRefusal(refusal)) signedRefused(reason).value += count
    if (ja4 !== undefined) hellos(ja4, false, reason).value += count
    if (reason === 'replayed') replays.value += count
    if (toMaskingHost) fronted.value += count
  }
}

/** Counts closes. A datacenter and mode get the 17 series of `watchedEnds` once a client uses them. */
const closeMetrics = (meter: Meter) => {
  const closed = observed(meter, metrics.connectionsClosed)
  const started = new Set<string>()
  const startEnds = (dc: string, mode: string): void => {
    const key = `${dc} ${mode}`
    if (started.has(key)) return
    started.add(key)
    for (const [by, phase, reason] of watchedEnds) closed(by, phase, reason, dc, mode)
  }
  return { closed, startEnds }
}

/** Histograms of the networks between clients and proxy. */
const pathMetrics = (meter: Meter) => {
  const roundTrip = histogram(meter, metrics.clientRttSeconds)
  const deliveryRate = histogram(meter, metrics.clientDeliveryRate)
  const retransmits = histogram(meter, metrics.clientRetransmitRatio)
  return {
    progressed: (path: ClientPath, mode: string): void => {
      if (path.clientRttMs !== undefined) roundTrip(path.clientRttMs / 1000, mode)
      if (path.clientDeliveryRate !== undefined) deliveryRate(path.clientDeliveryRate, mode)
    },
    closed: ({ clientSegments = 0, clientRetransmits = 0 }: ClientPath, mode: string): void => {
      if (clientSegments > 0) retransmits(clientRetransmits / clientSegments, mode)
    },
  }
}

/** Metrics of connections, from accept to close: one function for each event. */
export const connectionMetrics = (meter: Meter) => {
  const open = observed(meter, metrics.connectionsOpen)
  const accepted = observed(meter, metrics.connectionsAccepted)()
  const acceptedBy = observed(meter, metrics.listenerAccepted)
  const openBy = observed(meter, metrics.listenerOpen)
  const handshake = histogram(meter, metrics.handshakeSeconds)
  const firstByte = histogram(meter, metrics.firstByteSeconds)
  const bytes = observed(meter, metrics.bytes)
  const summarised = observed(meter, metrics.connectionsSummarised)()
  const hello = observed(meter, metrics.clientHellos)
  const nameOf = nameFingerprints()
  const reject = refusalMetrics(meter, (ja4, known, outcome) => hello(nameOf(ja4, known), outcome))
  const { closed, startEnds } = closeMetrics(meter)
  const path = pathMetrics(meter)
  return {
    accepted: ({ listener }: Of<'connection.accepted'>): void => {
      if (listener !== undefined) {
        acceptedBy(listener).value++
        openBy(listener).value++
      }
      accepted.value++
      open(none, none).value++
    },
    authenticated: ({ mode, dc, elapsedMs, ja4 }: Of<'handshake.accepted'>): void => {
      open(none, none).value--
      open(mode, String(dc)).value++
      handshake(elapsedMs / 1000, mode)
      startEnds(String(dc), mode)
      if (ja4 !== undefined) hello(nameOf(ja4, true), 'accepted').value++
    },
    rejected: (event: Of<'handshake.rejected'>): void => reject(event, 1),
    firstByte: (event: Of<'connection.first-byte'>): void => {
      if (event.direction === 'to-client' && event.sinceRequestMs !== undefined) {
        firstByte(event.sinceRequestMs / 1000, String(event.dc), event.mode)
      }
    },
    progressed: (event: Of<'connection.progress'>): void => {
      const dc = String(event.dc)
      bytes('to-client', dc).value += event.bytesToClient
      bytes('to-datacenter', dc).value += event.bytesToDatacenter
      path.progressed(event, event.mode)
    },
    closed: (event: Of<'connection.closed'>): void => {
      const { mode = none } = event
      const dc = event.dc === undefined ? none : String(event.dc)
      open(mode, dc).value--
      if (event.listener !== undefined) openBy(event.listener).value--
      closed(event.by, event.phase, event.reason, dc, mode).value++
      bytes('to-client', dc).value += event.untoldToClient
      bytes('to-datacenter', dc).value += event.untoldToDatacenter
      path.progressed(event, mode)
      path.closed(event, mode)
    },
    summarised: ({
      accepted: count,
      listeners = [],
      refusals,
      closes,
    }: Of<'connections.summarised'>): void => {
      for (const one of listeners) acceptedBy(one.listener).value += one.count
      summarised.value += count
      accepted.value += count
      open(none, none).value += count
      for (const refusal of refusals) reject(refusal, refusal.count)
      for (const { by, phase, reason, count, bytesToClient, bytesToDatacenter } of closes) {
        open(none, none).value -= count
        closed(by, phase, reason, none, none).value += count
        bytes('to-client', none).value += bytesToClient
        bytes('to-datacenter', none).value += bytesToDatacenter
      }
    },
  }
}
