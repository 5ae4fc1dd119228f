import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { verifyFleet } from '../../../collector/commands/rebuild-fleet.ts'
import { readConfig } from '../../../proxy/config/config.ts'
import { startFleet } from '../../test/kit/processes/fleet.ts'
import type { Appliance } from '../../test/kit/processes/harness.ts'
import { until } from '../../test/until.ts'
import { settableClock } from './clock.ts'
import type { Fault } from './fault.ts'
import { startForwarder } from './forwarder.ts'
import { startLargeFleet } from './large-fleet.ts'
import { percentile, startLoad } from './load.ts'
import { type Recount, recount } from './recount.ts'
import { startTwoRedis } from './two-redis.ts'

/** The result of one fault. The fields up to `equal` must be right; the others are its cost. */
export type Outcome = {
  readonly fault: string
  readonly connections: number
  readonly dropped: number
  readonly firstDrop: string | null
  readonly events: number
  /** Sequence numbers that never reached the topic. */
  readonly lost: number
  /** Those of them that `events.lost` accounts for. */
  readonly reported: number
  /** Events that are more often in the aggregates than in the topic. */
  readonly twice: number
  /** Whether the aggregates equal a fold from the first event, byte for byte, and their totals equal a separate count. */
  readonly equal: boolean
  readonly addedP99Ms: number
  readonly rssGrowthMb: number
  readonly recoverySeconds: number
}

type Options = { readonly scale: number; readonly perSecond: number }

const partitions = 4
const silent = (): void => {}

const smallDisk = (bytes: number) => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-disk-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path])
  if (mounted.status !== 0) throw new Error(`cannot mount a small disk: ${mounted.stderr}`)
  return {
    path,
    [Symbol.dispose]: () => {
      spawnSync('umount', ['-l', path])
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** How a process with these settings reaches Kafka and Redis. */
const servicesOf = (env: Readonly<Record<string, string>>) => {
  const read = readConfig(env)
  if (!read.ok) throw new Error(read.mistakes.join('; '))
  const { kafka, redis } = read.config
  if (kafka === null || redis === null) throw new Error('a fleet needs Kafka and Redis')
  return { kafka, redis }
}

/** Starts a fleet under load, with everything that `fault` may use; `stack` owns it. */
const startWorld = async (stack: AsyncDisposableStack, fault: Fault, perSecond: number) => {
  let port = 0
  const forwarder = stack.use(await startForwarder(() => port))
  const redis = stack.use(await startTwoRedis())
  const disks = [0, 1].map(() => (fault.disk === undefined ? null : stack.use(smallDisk(fault.disk))))
  const clock = fault.clock ? stack.use(settableClock()) : null
  const large = fault.large === undefined ? null : await startLargeFleet(stack, fault.large)
  const env = {
    ...fault.env,
    REDIS_URL: redis.url,
    KAFKA_PARTITIONS: String(partitions),
    ALERT_WINDOWS: '1',
    ...large?.env,
  }
  const fleet = stack.use(
    await startFleet({
      ...(clock === null ? {} : { proxyEnv: clock.env }),
      proxies: 2,
      collectors: 2,
      datacenters: fault.datacenters ?? [],
      ...(large === null ? { advertisedPort: forwarder.port } : { servers: large.servers }),
      env,
      dataDirs: disks.map((disk) => disk?.path),
    }),
  )
  port = fleet.kafka.port
  redis.lead(fleet.redis)
  const excused = new Set<Appliance>()
  const load = startLoad(
    fleet.proxies,
    fault.perSecond ?? perSecond,
    10,
    (proxy) => excused.has(proxy),
    fault.clock ? ['secure'] : undefined,
  )
  const services = servicesOf({ KAFKA_BROKERS: fleet.kafka.brokers.join(), ...env })
  return { fault, fleet, large, services, forwarder, redis, clock, excused, load }
}
type FaultWorld = Awaited<ReturnType<typeof startWorld>>

/** Resident memory of a proxy, MB, the mean of all. */
const meanRss = async ({ fleet }: FaultWorld): Promise<number> => {
  const sizes = await Promise.all(fleet.proxies.map((proxy) => proxy.rssBytes()))
  return sizes.reduce((sum, size) => sum + size, 0) / sizes.length / 2 ** 20
}

const countTopic = ({ services }: FaultWorld, before: Recount | null): Promise<Recount> =>
  recount(services.kafka, before)

/** Injects the fault, and measures its cost. */
const strike = async (world: FaultWorld, scale: number) => {
  const { fault, fleet, large, services, forwarder, redis, clock, excused, load } = world
  const counts: { earlier: Recount | null } = { earlier: null }
  await wait(4_000)
  load.mark()
  await wait(4_000)
  const [p99, before] = [percentile(load.times, 0.99), await meanRss(world)]
  load.mark()
  await fault.strike({
    fleet,
    large,
    kafka: services.kafka,
    scale,
    forwarder,
    excuse: (proxy) => excused.add(proxy),
    failOver: redis.failOver,
    countTopic: async () => {
      counts.earlier = await countTopic(world, counts.earlier)
    },
    setClock: (to) => clock?.set(to),
  })
  const [during, after] = [percentile(load.times, 0.99), await meanRss(world)]
  return { ...counts, addedP99Ms: during - p99, rssGrowthMb: after - before }
}

/** Resolves when no proxy has events to ship, and no collector has messages to fold. */
const delivered = ({ fault, fleet, excused, load }: FaultWorld): Promise<unknown> =>
  until(
    async () => {
      const waiting = await Promise.all(
        fleet.proxies.map((proxy) => proxy.metric('mtscope_ship_waiting_rows')),
      )
      if (waiting.some((rows) => rows > 0)) return false
      const states = await Promise.all(fleet.collectors.map((collector) => collector.status()))
      const behind = await Promise.all(
        fleet.collectors.map((one) => one.metric('mtscope_collector_partition_lag')),
      )
      // A killed proxy loses the events that it has not written yet, and a full disk takes none.
      const mayLose = excused.size > 0 || fault.disk !== undefined
      return (
        behind.every((messages) => messages === 0) &&
        (mayLose || states.every(({ totals }) => totals.connections >= load.connections))
      )
    },
    `${fault.name}: all events are delivered`,
    600_000,
  )

/** Compares the state of the stopped fleet with the topic. */
const compare = async (world: FaultWorld, earlier: Recount | null) => {
  const { fault, fleet, services } = world
  const counted = await countTopic(world, earlier)
  const { totals, events } = await until(
    async () => {
      const found = await fleet.collectors[0]!.status()
      return found.events.folded >= counted.events ? found : null
    },
    `${fault.name}: ${counted.events} events are folded`,
    60_000,
  )
  const verified = await verifyFleet({
    ...services,
    replayWindowMs: 3_600_000,
    logger: silent,
    progress: silent,
  })
  return {
    events: counted.events,
    lost: counted.gaps,
    reported: counted.reported,
    twice: Math.max(0, events.folded - counted.events),
    equal:
      (fault.newTopic || verified.every(({ difference }) => difference === null)) &&
      totals.connections === counted.accepted &&
      totals.bytesToClient === counted.bytesToClient &&
      events.folded === counted.events,
  }
}

/** Runs one fault against a fresh fleet under load. */
export const runFault = async (fault: Fault, { scale, perSecond }: Options): Promise<Outcome> => {
  await using stack = new AsyncDisposableStack()
  const world = await startWorld(stack, fault, perSecond)
  const { load, fleet } = world
  const { earlier, ...cost } = await strike(world, scale)
  const ended = performance.now()
  await load.stop()
  await delivered(world)
  const recoverySeconds = (performance.now() - ended) / 1000
  // Proxies emit a sample every ten seconds: a clean stop ends that.
  await Promise.all(fleet.proxies.map((proxy) => proxy.stop()))
  const compared = await compare(world, earlier)
  const { connections, dropped, firstDrop } = load
  return { fault: fault.name, connections, dropped, firstDrop, ...compared, ...cost, recoverySeconds }
}

/** The promise that an outcome breaks; null if it keeps all. */
export const failing = ({ dropped, lost, reported, twice, equal, firstDrop }: Outcome): string | null => {
  if (dropped > 0) return `${dropped} clients dropped (${firstDrop})`
  if (lost !== reported) return `${lost} sequence numbers are missing, events.lost accounts for ${reported}`
  if (twice > 0) return `${twice} events counted twice`
  return equal ? null : 'the aggregates differ from a recount'
}
