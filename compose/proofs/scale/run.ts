import { verifyFleet } from '../../../collector/commands/rebuild-fleet.ts'
import { metrics } from '../../../collector/read/metrics.ts'
import { testConfig } from '../../test/kit/kafka/test-config.ts'
import type { Appliance } from '../../test/kit/processes/harness.ts'
import { until } from '../../test/until.ts'
import { recount } from '../faults/recount.ts'
import { type Claims, measureClaims } from './claims.ts'
import type { FleetSize } from './history.ts'
import {
  between,
  foldedIn,
  peakRss,
  type RedisMemory,
  redisMemory,
  type Scraped,
  scrape,
  spent,
} from './measure.ts'
import { proxyMetrics } from './proxy-series.ts'
import {
  type Difference,
  folding,
  prefix,
  rowMs,
  type ScaleOptions,
  servicesOf,
  silent,
  startCollectors,
  startWorld,
  stopAll,
  type World,
  type Written,
  writeLive,
  writeRows,
  writeTicks,
  writing,
  writtenBy,
} from './world.ts'

/** One part: its events are written, then folded. */
export type Part = {
  readonly name: string
  readonly collectors: number
  readonly written: Written
  readonly folded: Difference
}

export type Outcome = {
  readonly options: FleetSize & { readonly partitions: number }
  readonly parts: readonly Part[]
  /** With all nodes alive and two collectors. */
  readonly live: { readonly written: Written; readonly folded: Difference }
  readonly memory: RedisMemory
  readonly ticks: number
  readonly claims: Claims
  /** Of a collector, and of a proxy. */
  readonly metrics: Scraped
  readonly status: Scraped
  readonly proxyMetrics: Scraped
  /** Resident memory of a collector, bytes: now, and the most. */
  readonly rss: { readonly now: number; readonly peak: number }
  readonly stateEntries: number
  readonly events: {
    readonly written: number
    readonly lost: number
    readonly twice: number
    readonly equal: boolean
  }
}

const [mostClaiming, claimsOfEach] = [200, 500]

const inEvents = (count: number): string => `${Math.round(count).toLocaleString('en')} events`

/** Compares the topic, the state in Redis and the status of a collector with what was written. */
const compare = async (world: World, collector: Appliance): Promise<Outcome['events']> => {
  const { config, measured, server } = world
  const written = writtenBy(world)
  const { totals, events } = await until(
    async () => {
      const status = await collector.status()
      return status.events.folded >= written ? status : null
    },
    'the copy of the state is complete',
    120_000,
  )
  const counted = await recount(testConfig(measured.kafka.brokers, 'mtscope', measured.partitions))
  const verified = await verifyFleet({
    kafka: config,
    redis: { urls: [server.url], prefix },
    replayWindowMs: 3_600_000,
    logger: silent,
    progress: silent,
  })
  const folded = await foldedIn(measured)
  return {
    written,
    lost: Math.max(0, written - counted.events) + Math.max(0, counted.events - folded) + counted.gaps,
    twice: Math.max(0, folded - counted.events),
    equal:
      verified.every(({ difference }) => difference === null) &&
      events.folded === counted.events &&
      totals.connections === counted.accepted &&
      totals.bytesToClient === counted.bytesToClient,
  }
}

/** Writes a part, then lets new collectors fold it, which begin with all of it waiting. */
const onePart = async (
  world: World,
  progress: (line: string) => void,
  {
    name,
    count,
    write,
  }: { readonly name: string; readonly count: number; readonly write: () => Promise<number> },
): Promise<{ readonly part: Part; readonly collectors: Appliance[] }> => {
  const written = await writing(world, write)
  progress(`${name}: ${inEvents(written.events)} written in ${written.seconds.toFixed(0)} s`)
  const collectors = await startCollectors(world, count)
  const folded = await folding(world, collectors)
  progress(`${name}: ${inEvents(folded.folded / folded.seconds)} a second folded by ${count} collector(s)`)
  return { part: { name, collectors: count, written, folded }, collectors }
}

/** The busy parts, then the quiet one, whose collectors go on. */
const allParts = async (world: World, { minutes, rows, progress }: ScaleOptions) => {
  // All of it within the last hour, which is what Redis and the collectors keep in ticks.
  const at = Date.now() - Math.min(59, minutes + 2) * 60_000
  const parts: Part[] = []
  for (const count of [1, 2]) {
    const since = at + (count - 1) * rows * rowMs
    const write = (): Promise<number> => writeRows(world, since, rows)
    const { part, collectors } = await onePart(world, progress, { name: 'busy', count, write })
    await stopAll(collectors)
    parts.push(part)
  }
  const write = (): Promise<number> => writeTicks(world, at + 2 * rows * rowMs, 6 * minutes)
  const { part, collectors } = await onePart(world, progress, { name: 'quiet', count: 2, write })
  return { parts: [...parts, part], collectors }
}

/** Writes to Kafka as a fleet of `nodes`, and folds it with real collectors. Measures both, and counts again. */
export const runScale = async (options: ScaleOptions): Promise<Outcome> => {
  await using stack = new AsyncDisposableStack()
  const { nodes, users, partitions, minutes, live, progress } = options
  const world = await startWorld(stack, options)
  const { parts, collectors } = await allParts(world, options)

  progress(`live: ${live} s`)
  const before = await spent(world.measured, collectors)
  const ofLive = await writing(world, () => writeLive(world, live))
  await folding(world, collectors)
  const taken = between(before, await spent(world.measured, collectors))

  progress('counting again')
  const [collector] = collectors
  if (collector === undefined) throw new Error('no collector')
  const events = await compare(world, collector)
  const outcome = {
    ...{
      options: { nodes, users, partitions },
      parts,
      live: { written: ofLive, folded: taken },
      events,
      ticks: 6 * minutes,
    },
    metrics: await scrape(collector, '/metrics'),
    status: await scrape(collector, '/api/status'),
    rss: { now: await collector.rssBytes(), peak: peakRss(collector.pid) },
    stateEntries: await collector.metric(metrics.stateEntries.name),
    memory: await redisMemory(world.measured),
  }
  await stopAll(collectors)
  progress('claims of handshakes, and /metrics of a proxy')
  return {
    ...outcome,
    claims: await measureClaims(Math.min(nodes, mostClaiming), claimsOfEach),
    proxyMetrics: await proxyMetrics({ ...servicesOf(world), NODE_NAME: 'proxy' }),
  }
}

/** The promise that an outcome breaks; null if it keeps all. */
export const failing = ({ events }: Outcome): string | null => {
  if (events.lost > 0) return `${events.lost} events are lost`
  if (events.twice > 0) return `${events.twice} events are counted twice`
  return events.equal ? null : 'the aggregates differ from a recount'
}
