import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Status } from '../../../collector/read/status.ts'
import { startFleet } from '../../test/kit/processes/fleet.ts'
import { type Appliance, startAppliance } from '../../test/kit/processes/harness.ts'
import { fakeDatacenter } from '../../test/kit/servers/fake-datacenter.ts'
import type { Kafka } from '../../test/services/kafka.ts'
import type { Redis } from '../../test/services/redis.ts'
import { until } from '../../test/until.ts'
import { type SoakLoad, startSoakLoad } from './load.ts'
import { folderSize, type Sample, sampleOf } from './samples.ts'

export type Options = {
  readonly seconds: number
  readonly perSecond: number
  /** One appliance without services; else a proxy, a collector, Kafka and Redis. */
  readonly isEmbedded: boolean
  readonly everySeconds: number
  readonly progress: (line: string) => void
}

export type Totals = {
  /** By the clients. */
  readonly opened: number
  readonly sessions: number
  readonly dropped: number
  readonly firstDrop: string | null
  readonly skipped: number
  /** By the proxy's metrics. */
  readonly accepted: number
  readonly closed: number
  readonly open: number
  readonly lost: number
  /** By the collector. */
  readonly counted: Status['totals']
  readonly countedOpen: number
  readonly closes: Status['closes']
  /** By the proxy's metrics, of authenticated clients. */
  readonly bytesToClient: number
}

export type Stored = { readonly seconds: number; readonly redis: number; readonly kafka: number }

export type Soak = {
  readonly totals: Totals
  readonly programs: ReadonlyMap<string, readonly Sample[]>
  /** Empty when embedded. */
  readonly stored: readonly Stored[]
}

/** Bounds of the event log and of the topic, small enough to be reached within the hour. */
export const logBytes = 64 * 2 ** 20

type World = {
  readonly proxy: Appliance
  readonly collector: Appliance
  readonly programs: ReadonlyMap<string, Appliance>
  readonly services: { readonly kafka: Kafka; readonly redis: Redis } | null
}

const startWorld = async (
  stack: AsyncDisposableStack,
  isEmbedded: boolean,
  memory: string,
): Promise<World> => {
  const preload = new URL('memory.ts', import.meta.url)
  preload.searchParams.set('folder', memory)
  const env = {
    NODE_OPTIONS: `--max-semi-space-size=2 --import=${preload.href}`,
    MALLOC_ARENA_MAX: '2',
    LOG_MAX_BYTES: `${logBytes}`,
    WORKERS: '2',
    // The scans and replays of this load are no news.
    ALERT_WINDOWS: '1',
  }
  if (isEmbedded) {
    const datacenter = stack.use(await fakeDatacenter())
    const appliance = stack.use(await startAppliance({ datacenters: { 2: datacenter }, env }))
    return {
      proxy: appliance,
      collector: appliance,
      programs: new Map([['appliance', appliance]]),
      services: null,
    }
  }
  const fleet = stack.use(
    await startFleet({
      proxies: 1,
      collectors: 1,
      env: { ...env, KAFKA_RETENTION_BYTES: `${logBytes}` },
    }),
  )
  const [proxy, collector] = [fleet.proxies[0]!, fleet.collectors[0]!]
  return {
    proxy,
    collector,
    programs: new Map([
      ['proxy', proxy],
      ['collector', collector],
    ]),
    services: fleet,
  }
}

const storedBy = async (
  { kafka, redis }: NonNullable<World['services']>,
  seconds: number,
): Promise<Stored> => {
  const info = await redis.ask('INFO', 'memory')
  return {
    seconds,
    redis: Number(/^used_memory:(\d+)/m.exec(info)?.[1]),
    kafka: await folderSize(join(kafka.folder, 'data')),
  }
}

const sumOfLost = ({ events }: Status): number =>
  Object.values(events.lost).reduce((sum, count) => sum + count, 0)

/** Resolves when every event of the ended load is counted. */
const settled = ({ proxy, collector }: World, load: SoakLoad): Promise<unknown> =>
  until(
    async () => {
      const open = await proxy.metric('mtscope_connections_open')
      const closed = await proxy.metric('mtscope_connections_closed_total')
      const { totals, open: left } = await collector.status()
      return open === 0 && closed >= load.opened && totals.connections >= load.sessions && left.total === 0
    },
    'every connection is counted',
    120_000,
  ).catch(() => null)

const totalsOf = async ({ proxy, collector }: World, load: SoakLoad): Promise<Totals> => {
  const status = await collector.status()
  const { opened, sessions, dropped, firstDrop, skipped } = load
  const toClient = { direction: 'to-client' }
  const all = await proxy.metric('mtscope_bytes_total', toClient)
  const fronted = await proxy.metric('mtscope_bytes_total', { ...toClient, dc: 'none' })
  return {
    ...{ opened, sessions, dropped, firstDrop, skipped },
    accepted: await proxy.metric('mtscope_connections_accepted_total'),
    closed: await proxy.metric('mtscope_connections_closed_total'),
    open: await proxy.metric('mtscope_connections_open'),
    lost: (await proxy.metric('mtscope_events_lost_total')) + sumOfLost(status),
    counted: status.totals,
    countedOpen: status.open.total,
    closes: status.closes,
    bytesToClient: all - fronted,
  }
}

/** Runs real programs under load, and measures them. */
export const runSoak = async (options: Options): Promise<Soak> => {
  const { seconds, perSecond, isEmbedded, everySeconds, progress } = options
  await using stack = new AsyncDisposableStack()
  const memory = mkdtempSync(join(tmpdir(), 'mtscope-soak-memory-'))
  stack.defer(() => rmSync(memory, { recursive: true, force: true }))
  const world = await startWorld(stack, isEmbedded, memory)
  const programs = new Map([...world.programs.keys()].map((name) => [name, [] as Sample[]]))
  const stored: Stored[] = []
  const load = startSoakLoad(world.proxy, perSecond)
  const begun = performance.now()
  const passed = (): number => (performance.now() - begun) / 1_000
  for (let next = everySeconds; next <= seconds; next += everySeconds) {
    await wait(Math.max(0, next - passed()) * 1_000)
    for (const [name, program] of world.programs)
      programs.get(name)!.push(await sampleOf(program, memory, passed()))
    if (world.services !== null) stored.push(await storedBy(world.services, passed()))
    const sizes = [...programs].map(([name, samples]) => `${name} ${mb(samples.at(-1)!.rss)} MB`)
    progress(
      `${passed().toFixed(0)} s: ${load.opened} connections, ${load.dropped} dropped, ${sizes.join(', ')}`,
    )
  }
  await load.stop()
  await settled(world, load)
  return { totals: await totalsOf(world, load), programs, stored }
}

export const mb = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)

/** What is wrong with the totals; null when they are exact. */
export const inexact = (totals: Totals): string | null => {
  const { opened, sessions, dropped, firstDrop, accepted, closed, open, lost, counted, countedOpen } = totals
  if (dropped > 0) return `${dropped} clients dropped (${firstDrop})`
  if (lost > 0) return `${lost} events lost`
  if (accepted !== opened) return `clients opened ${opened} connections, the proxy accepted ${accepted}`
  if (closed + open !== accepted || open !== 0)
    return `${accepted} connections accepted, ${closed} closed, ${open} open`
  if (counted.connections !== sessions || countedOpen !== 0)
    return `${sessions} clients authenticated, the collector counts ${counted.connections}, ${countedOpen} of them open`
  if (counted.bytesToClient !== totals.bytesToClient)
    return `${totals.bytesToClient} bytes to clients, the collector counts ${counted.bytesToClient}`
  return null
}
