import { latencyBounds, merge, quantile, total } from '../fold/histogram.ts'
import { connectionKeys as c } from '../fold/projections/connections.ts'
import { datacenterKeys as d } from '../fold/projections/datacenters.ts'
import { cpuParts, processKeys as p } from '../fold/projections/processes.ts'
import { rejectionKeys as r } from '../fold/projections/rejections.ts'
import { bucketOf, tickMs } from '../fold/retention.ts'
import type { Reading } from '../fold/state.ts'
import type { Node } from './nodes.ts'
import type { Quantiles, Series, Status } from './status.ts'

const ticksAnHour = 360
// A quiet node still samples itself: this many ticks without an event mean that no node was alive.
const quietTicks = 3

/** The first and last tick of the last hour, without the current one, which is not over yet. */
export const hourOfTicks = (now: number): readonly [number, number] => {
  const last = bucketOf('tick', now) - 1
  return [last - ticksAnHour + 1, last]
}

type Tick = ReadonlyMap<string, number>

const countsIn = (tick: Tick, keys: readonly string[]): number[] => keys.map((key) => tick.get(key) ?? 0)

const quantiles = (counts: readonly number[]): Quantiles => ({
  count: total(counts),
  p50: quantile(latencyBounds, counts, 0.5),
  p95: quantile(latencyBounds, counts, 0.95),
  p99: quantile(latencyBounds, counts, 0.99),
})

/** Quantiles over the last hour and the current tick, ms. */
export const hourQuantiles = (state: Reading, now: number, keys: readonly string[]): Quantiles => {
  const [first, last] = hourOfTicks(now)
  const sums: number[] = keys.map(() => 0)
  for (let tick = first; tick <= last + 1; tick++) merge(sums, countsIn(state.bucket('tick', tick), keys))
  return quantiles(sums)
}

const rate = (tick: Tick, key: string): number => ((tick.get(key) ?? 0) * 1000) / tickMs

const ratio = (tick: Tick, over: string, under: string): number | null => {
  const n = tick.get(under)
  return n === undefined ? null : (tick.get(over) ?? 0) / n
}

/** Each node's mean in this tick; nodes without a sample are left out. */
const ofNodes = (
  tick: Tick,
  nodes: readonly Node[],
  over: (node: string) => string,
  under = p.samples,
): number[] => nodes.flatMap(({ node }) => ratio(tick, over(node), under(node)) ?? [])

const sum = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((a, b) => a + b, 0)
const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : sum(values)! / values.length
const greatest = (values: readonly number[]): number | null =>
  values.length === 0 ? null : Math.max(...values)

type Column = Exclude<keyof Series, 'stepMs' | 'at'>
type Point = Record<Column, number | null>

// Connections and memory are sums; CPU is a mean, because two nodes may share a machine.
const pointOf = (tick: Tick, nodes: readonly Node[]): Point => {
  const hostCpu = mean(ofNodes(tick, nodes, p.hostCpu))
  const loopUs = greatest(ofNodes(tick, nodes, p.loopUs))
  const handshake = countsIn(tick, c.handshake)
  const dial = countsIn(tick, c.dial)
  const firstByte = countsIn(tick, c.firstByte)
  return {
    open: sum(ofNodes(tick, nodes, p.open)),
    accepted: rate(tick, c.accepted),
    rejected: rate(tick, r.rejected),
    drops: rate(tick, c.drops),
    toClient: rate(tick, c.toClient),
    toDatacenter: rate(tick, c.toDatacenter),
    handshakeP50: quantile(latencyBounds, handshake, 0.5),
    handshakeP99: quantile(latencyBounds, handshake, 0.99),
    dialP50: quantile(latencyBounds, dial, 0.5),
    dialP99: quantile(latencyBounds, dial, 0.99),
    firstByteP50: quantile(latencyBounds, firstByte, 0.5),
    firstByteP99: quantile(latencyBounds, firstByte, 0.99),
    processCpu: mean(ofNodes(tick, nodes, p.busyMs, p.coreMs)),
    hostCpu: hostCpu === null ? null : hostCpu / cpuParts,
    loopP99Ms: loopUs === null ? null : loopUs / 1000,
    rssBytes: sum(ofNodes(tick, nodes, p.rss)),
  }
}

type Known = { readonly changedAt: number; readonly names: string; readonly point: Point }

/**
 * A point is a sum over all nodes, and most ticks of an hour have not changed since the last look: with 1,000 nodes a status
 * without this takes a third of a second.
 */
const known = new WeakMap<Tick, Known>()

const knownPoint = (state: Reading, tick: Tick, nodes: readonly Node[], names: string): Point => {
  const before = known.get(tick)
  const changedAt = state.changedAt(tick)
  if (before?.changedAt === changedAt && before.names === names) return before.point
  const point = pointOf(tick, nodes)
  known.set(tick, { changedAt, names, point })
  return point
}

/** A tick without a sample takes the values of the tick before it. */
const carried = (point: Point, before: Point | null): Point => ({
  ...point,
  open: point.open ?? before?.open ?? null,
  processCpu: point.processCpu ?? before?.processCpu ?? null,
  hostCpu: point.hostCpu ?? before?.hostCpu ?? null,
  loopP99Ms: point.loopP99Ms ?? before?.loopP99Ms ?? null,
  rssBytes: point.rssBytes ?? before?.rssBytes ?? null,
})

/** One hour in ticks of ten seconds. Rates are 0 where a node was alive and nothing happened, null without a node. */
export const seriesOf = (state: Reading, nodes: readonly Node[], now: number): Series => {
  const [first, last] = hourOfTicks(now)
  const names = nodes.map(({ node }) => node).join('\n')
  const at: number[] = []
  const points: (Point | null)[] = []
  let received = Number.NEGATIVE_INFINITY
  let before: Point | null = null
  for (let tick = first - quietTicks; tick <= last; tick++) {
    const counts = state.bucket('tick', tick)
    if (counts.has(p.events)) received = tick
    before = tick - received < quietTicks ? carried(knownPoint(state, counts, nodes, names), before) : null
    if (tick < first) continue
    at.push(tick * tickMs)
    points.push(before)
  }
  const column = (name: Column): (number | null)[] => points.map((point) => point?.[name] ?? null)
  return {
    stepMs: tickMs,
    at,
    open: column('open'),
    accepted: column('accepted'),
    rejected: column('rejected'),
    drops: column('drops'),
    toClient: column('toClient'),
    toDatacenter: column('toDatacenter'),
    handshakeP50: column('handshakeP50'),
    handshakeP99: column('handshakeP99'),
    dialP50: column('dialP50'),
    dialP99: column('dialP99'),
    firstByteP50: column('firstByteP50'),
    firstByteP99: column('firstByteP99'),
    processCpu: column('processCpu'),
    hostCpu: column('hostCpu'),
    loopP99Ms: column('loopP99Ms'),
    rssBytes: column('rssBytes'),
  }
}

/** The sum of a key over the last hour and the current tick. */
export const hourSum = (state: Reading, now: number, key: string): number => {
  const [first, last] = hourOfTicks(now)
  return state.sum('tick', first, last + 1, key)
}

export const latencyOf = (state: Reading, now: number): Status['latency'] => ({
  client: hourQuantiles(state, now, c.clientRtt),
  handshake: hourQuantiles(state, now, c.handshake),
  dial: hourQuantiles(state, now, c.dial),
  firstByte: hourQuantiles(state, now, c.firstByte),
  datacenter: hourQuantiles(state, now, d.roundTrip),
})
