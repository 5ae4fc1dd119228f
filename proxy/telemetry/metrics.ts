import type { Meter } from '@opentelemetry/api'
import type { Shipping } from '../app/shipping.ts'
import type { Examined } from '../doctor/watch.ts'
import type { ProxyEvent } from '../events/contract.ts'
import { stallPhases } from '../events/outcome.ts'
import { limits, losses, rejections } from '../events/shapes.ts'
import { isSignedRefusal } from '../events/signed-refusal.ts'
import type { Kernel } from '../host/kernel.ts'
import { metrics } from './catalogue/catalogue.ts'
import { foldFindings } from './findings.ts'
import { nameFingerprints } from './fingerprints.ts'
import { asked, histogram, observed } from './series.ts'

/** Spans that reached the backend, and those given up, by reason. */
export type SpanCounts = { readonly exported: number; readonly lost: Readonly<Record<string, number>> }

/** What is not told by facts but asked when somebody scrapes. */
export type Sources = {
  readonly logBytes?: () => number
  /** Of all threads and datacenters. */
  readonly pooledConnections?: () => number
  readonly spans?: () => SpanCounts
  /** Whether the masking host answers; null until it was looked at, and without one. */
  readonly masking?: () => boolean | null
  /** Answers of the shared replay cache; null without Redis. */
  readonly claims?: Readonly<Record<string, number>> | null
  /** Null without Kafka. */
  readonly shipping?: Pick<Shipping, 'shipped' | 'up' | 'failures'> | null
  /** Null until the doctor has looked. */
  readonly doctor?: () => Examined | null
  /** Counters of the host; what it does not have is not told. */
  readonly kernel?: Kernel
}

type Summary = Extract<ProxyEvent, { type: 'connections.summarised' }>
type Refusal = Omit<Summary['refusals'][number], 'count' | 'groups'>

const none = 'none'

/** Tells 0 from the start: a counter that is born at 500 has not increased, for Prometheus, and no alert would fire. */
const bornAtZero = <L extends string>(
  cell: (label: L) => unknown,
  labels: Readonly<Record<L, true>>,
): void => {
  for (const label of Object.keys(labels)) cell(label as L) // they are the keys of a Record<L, …>
}

/** How sessions end that alerts count, `by phase reason`: there as 0 before one does, or a first burst would not be seen. */
const watchedEnds = [
  ...['datacenter dial refused', 'datacenter dial timeout', 'client dial reset'],
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

const observeShipping = (meter: Meter, shipping: Pick<Shipping, 'shipped' | 'up' | 'failures'>): void => {
  const lag = (): number => {
    const { oldestAt } = shipping.shipped
    return oldestAt === null ? 0 : Math.max(0, Date.now() - oldestAt) / 1000
  }
  asked(meter, metrics.shipped, () => [['', shipping.shipped.events]])
  asked(meter, metrics.shipRows, () => [['', shipping.shipped.waitingRows]])
  asked(meter, metrics.shipLagSeconds, () => [['', lag()]])
  asked(meter, metrics.kafkaUp, () => (shipping.up === null ? [] : [['', Number(shipping.up)]]))
  asked(meter, metrics.kafkaFailures, () => shipping.failures())
}

const observeKernel = (meter: Meter, kernel: Kernel): void => {
  const one = (value: number | null | undefined): (readonly [string, number])[] =>
    value === null || value === undefined ? [] : [['', value]]
  asked(meter, metrics.listenOverflows, () => one(kernel.listenOverflows()))
  asked(meter, metrics.packetsDropped, () => one(kernel.packetsDropped()))
  asked(meter, metrics.pressureSeconds, kernel.pressureSeconds)
  asked(meter, metrics.cpuPeriods, () => one(kernel.cpu()?.periods))
  asked(meter, metrics.cpuThrottledPeriods, () => one(kernel.cpu()?.throttledPeriods))
  asked(meter, metrics.cpuThrottledSeconds, () => one(kernel.cpu()?.throttledSeconds))
}

/** Metrics as a fold over facts. Nothing here is kept that a fact did not say. */
export const foldMetrics = (
  meter: Meter,
  about: { readonly version: string; readonly node: string },
  sources: Sources = {},
): ((event: ProxyEvent) => void) => {
  const open = observed(meter, metrics.connectionsOpen)
  const accepted = observed(meter, metrics.connectionsAccepted)()
  const closed = observed(meter, metrics.connectionsClosed)
  const rejected = observed(meter, metrics.handshakesRejected)
  const signedRefused = observed(meter, metrics.signedRefused)
  const hellos = observed(meter, metrics.clientHellos)
  const nameOf = nameFingerprints()
  const handshake = histogram(meter, metrics.handshakeSeconds)
  const dial = histogram(meter, metrics.dialSeconds)
  const dialFailures = observed(meter, metrics.dialFailures)
  const firstByte = histogram(meter, metrics.firstByteSeconds)
  const bytes = observed(meter, metrics.bytes)
  const up = observed(meter, metrics.datacenterUp)
  const rtt = histogram(meter, metrics.datacenterSeconds)
  const probesFailed = observed(meter, metrics.datacenterProbesFailed)
  const replays = observed(meter, metrics.replaysRefused)()
  const fronted = observed(meter, metrics.fronted)()
  const summarised = observed(meter, metrics.connectionsSummarised)()
  const refused = observed(meter, metrics.limitRefused)
  const unclaimed = observed(meter, metrics.replaysUnclaimed)
  const emitted = observed(meter, metrics.eventsEmitted)()
  const lost = observed(meter, metrics.eventsLost)
  const faults = observed(meter, metrics.internalErrors)()
  const openFds = observed(meter, metrics.openFds)
  const maxFds = observed(meter, metrics.maxFds)
  const loopDelay = observed(meter, metrics.loopDelaySeconds)
  const loopUtilization = observed(meter, metrics.loopUtilization)
  const gc = observed(meter, metrics.gcSeconds)()
  const reloads = observed(meter, metrics.configReloads)()
  bornAtZero(rejected, rejections)
  bornAtZero(signedRefused, {
    'unknown-sni': true,
    'mode-off': true,
    'unknown-dc': true,
    'not-mtproto': true,
  })
  bornAtZero(refused, limits)
  bornAtZero(lost, losses)
  bornAtZero(unclaimed, { local: true, refuse: true })
  observed(meter, metrics.buildInfo)(about.version, about.node).value = 1
  const startTime = observed(meter, metrics.startTime)

  const { logBytes, pooledConnections, spans, doctor, shipping, claims, kernel, masking } = sources
  const maskingUp = (): [string, number][] => {
    const is = masking?.() ?? null
    return is === null ? [] : [['', Number(is)]]
  }
  if (masking) asked(meter, metrics.maskingUp, maskingUp)
  if (claims) asked(meter, metrics.replayClaims, () => Object.entries(claims))
  if (shipping) observeShipping(meter, shipping)
  if (kernel) observeKernel(meter, kernel)
  if (doctor) foldFindings(meter, doctor)
  if (logBytes) asked(meter, metrics.logBytes, () => [['', logBytes()]])
  if (pooledConnections) asked(meter, metrics.pooledConnections, () => [['', pooledConnections()]])
  if (spans) {
    asked(meter, metrics.spansExported, () => [['', spans().exported]])
    asked(meter, metrics.spansLost, () => Object.entries(spans().lost))
  }

  const ways = new Set<string>()
  /** Only of what is used: 16 series for each datacenter and mode that somebody came with. */
  const bearEnds = (dc: string, mode: string): void => {
    const way = `${dc} ${mode}`
    if (ways.has(way)) return
    ways.add(way)
    for (const [by, phase, reason] of watchedEnds) closed(by, phase, reason, dc, mode)
  }

  // A datacenter has several addresses, and is up when one of them is.
  const answering = new Map<object, Set<string>>()
  const probed = (event: Extract<ProxyEvent, { type: 'datacenter.probed' }>): void => {
    const labels = [String(event.dc), event.family, String(event.media)] as const
    const cell = up(...labels)
    const addresses = answering.get(cell) ?? new Set()
    answering.set(cell, addresses)
    if (event.resPqMs === undefined) {
      addresses.delete(event.address)
      probesFailed(...labels, event.error ?? 'other').value++
    } else {
      addresses.add(event.address)
      rtt(event.resPqMs / 1000, ...labels)
    }
    cell.value = addresses.size > 0 ? 1 : 0
  }

  const reject = (refusal: Refusal, count: number): void => {
    const { reason, ja4, fronted: toMask } = refusal
    rejected(reason).value += count
    if (isSignedRefusal(refusal)) signedRefused(reason).value += count
    if (ja4 !== undefined) hellos(nameOf(ja4, false), reason).value += count
    if (reason === 'replayed') replays.value += count
    if (toMask) fronted.value += count
  }

  const summarise = ({ accepted: count, refusals, closes }: Summary): void => {
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
  }

  return (event) => {
    emitted.value++
    switch (event.type) {
      case 'connection.accepted':
        accepted.value++
        open(none, none).value++
        return
      case 'handshake.accepted':
        open(none, none).value--
        open(event.mode, String(event.dc)).value++
        handshake(event.elapsedMs / 1000, event.mode)
        bearEnds(String(event.dc), event.mode)
        if (event.ja4 !== undefined) hellos(nameOf(event.ja4, true), 'accepted').value++
        return
      case 'handshake.rejected':
        reject(event, 1)
        return
      case 'datacenter.dialed':
        dial(event.elapsedMs / 1000, String(event.dc), String(event.pooled))
        return
      case 'datacenter.dial-failed':
        dialFailures(String(event.dc), event.error).value++
        return
      case 'connection.first-byte':
        if (event.direction === 'to-client' && event.sinceRequestMs !== undefined) {
          firstByte(event.sinceRequestMs / 1000, String(event.dc), event.mode)
        }
        return
      case 'connection.progress': {
        const dc = String(event.dc)
        bytes('to-client', dc).value += event.bytesToClient
        bytes('to-datacenter', dc).value += event.bytesToDatacenter
        return
      }
      case 'connection.closed': {
        const { mode = none } = event
        const dc = event.dc === undefined ? none : String(event.dc)
        open(mode, dc).value--
        closed(event.by, event.phase, event.reason, dc, mode).value++
        bytes('to-client', dc).value += event.untoldToClient
        bytes('to-datacenter', dc).value += event.untoldToDatacenter
        return
      }
      case 'datacenter.probed':
        probed(event)
        return
      case 'limit.refused':
        refused(event.limit).value += event.count
        return
      case 'connections.summarised':
        summarise(event)
        return
      case 'replay.unclaimed':
        unclaimed(event.action).value += event.count
        return
      case 'process.faulted':
        faults.value += event.count
        return
      case 'events.lost':
        lost(event.reason).value += event.count
        return
      case 'process.started':
        startTime().value = event.at / 1000
        return
      case 'process.sampled':
        openFds().value = event.openFds
        maxFds().value = event.maxFds
        gc.value += event.gcMs / 1000
        for (const { thread, delayP50Ms, delayP99Ms, utilization } of event.loops) {
          loopDelay(thread, '50').value = delayP50Ms / 1000
          loopDelay(thread, '99').value = delayP99Ms / 1000
          loopUtilization(thread).value = utilization
        }
        return
      case 'config.reloaded':
        reloads.value++
        return
      case 'process.stopped':
        return
    }
    event satisfies never
  }
}
