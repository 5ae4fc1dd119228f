import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { verifyFleet } from '../../../collector/commands/rebuild-fleet.ts'
import { testConfig } from '../../test/kit/kafka/test-config.ts'
import { startFleet } from '../../test/kit/processes/fleet.ts'
import type { Appliance } from '../../test/kit/processes/harness.ts'
import { until } from '../../test/until.ts'
import { startWay } from './black-hole.ts'
import { settableClock } from './clock.ts'
import type { Fault } from './faults.ts'
import { percentile, startLoad } from './load.ts'
import { type Recount, recount } from './recount.ts'
import { startTwoRedis } from './two-redis.ts'

/** What a fault did, in numbers; the first six must be right, the rest is what it cost. */
export type Outcome = {
  readonly fault: string
  readonly sessions: number
  readonly dropped: number
  readonly firstDrop: string | null
  readonly events: number
  /** Sequence numbers that never came. */
  readonly lost: number
  /** Of them, those that `events.lost` or a kill of the proxy itself explains. */
  readonly reported: number
  /** Facts in the aggregates more often than in the topic. */
  readonly twice: number
  /** Whether the aggregates are, byte for byte, what a fold from nothing gives, and their totals what is counted without it. */
  readonly equal: boolean
  readonly addedP99Ms: number
  readonly rssGrowthMb: number
  readonly recoverySeconds: number
}

const partitions = 4
const silent = (): void => {}

const smallDisk = (bytes: number) => {
  const path = mkdtempSync(join(tmpdir(), 'mtscope-disk-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path])
  if (mounted.status !== 0) throw new Error(`no small disk: ${mounted.stderr}`)
  return {
    path,
    [Symbol.dispose]: () => {
      spawnSync('umount', ['-l', path])
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** Runs one fault against a fresh fleet under load. */
export const runFault = async (
  fault: Fault,
  { scale, perSecond }: { readonly scale: number; readonly perSecond: number },
): Promise<Outcome> => {
  let port = 0
  await using stack = new AsyncDisposableStack()
  const way = stack.use(await startWay(() => port))
  const redis = stack.use(await startTwoRedis())
  const disks = [0, 1].map(() => (fault.disk === undefined ? null : stack.use(smallDisk(fault.disk))))
  const clock = fault.clock ? stack.use(settableClock()) : null
  const fleet = stack.use(
    await startFleet({
      ...(clock === null ? {} : { proxyEnv: clock.env }),
      proxies: 2,
      collectors: 2,
      datacenters: fault.datacenters ?? [],
      advertisedPort: way.port,
      env: {
        ...fault.env,
        REDIS_URL: redis.url,
        KAFKA_PARTITIONS: String(partitions),
        ALERT_WINDOWS: '1',
      },
      dataDirs: disks.map((disk) => disk?.path),
    }),
  )
  port = fleet.kafka.port
  redis.lead(fleet.redis)
  let earlier: Recount | null = null
  const excused = new Set<Appliance>()
  const load = startLoad(
    fleet.proxies,
    fault.perSecond ?? perSecond,
    10,
    (proxy) => excused.has(proxy),
    fault.clock ? ['secure'] : undefined,
  )
  const rss = async (): Promise<number> => {
    const sizes = await Promise.all(fleet.proxies.map((proxy) => proxy.rssBytes()))
    return sizes.reduce((sum, size) => sum + size, 0) / sizes.length / 2 ** 20
  }
  await wait(4_000)
  load.mark()
  await wait(4_000)
  const [p99, before] = [percentile(load.times, 0.99), await rss()]
  load.mark()
  await fault.strike({
    fleet,
    scale,
    way,
    excuse: (proxy) => excused.add(proxy),
    failOver: redis.failOver,
    countTopic: async () => {
      earlier = await recount(fleet.kafka.brokers, partitions, earlier)
    },
    setClock: (to) => clock?.set(to),
  })
  const [during, after] = [percentile(load.times, 0.99), await rss()]
  const ended = performance.now()
  await load.stop()

  // All is delivered when nobody has anything left: not in a log, not in the topic.
  await until(
    async () => {
      const waiting = await Promise.all(
        fleet.proxies.map((proxy) => proxy.metric('mtscope_ship_waiting_rows')),
      )
      if (waiting.some((rows) => rows > 0)) return false
      const states = await Promise.all(fleet.collectors.map((collector) => collector.status()))
      const behind = await Promise.all(
        fleet.collectors.map((one) => one.metric('mtscope_collector_partition_lag')),
      )
      return (
        behind.every((messages) => messages === 0) && // What a killed process had not written yet is gone with it, and so is what found no room.
        (excused.size > 0 ||
          fault.disk !== undefined ||
          states.every(({ totals }) => totals.connections >= load.sessions))
      )
    },
    `${fault.name}: everything is delivered`,
    600_000,
  )
  const recoverySeconds = (performance.now() - ended) / 1000
  // Proxies tell of themselves every ten seconds: nothing more comes once they have stopped, in good order.
  await Promise.all(fleet.proxies.map((proxy) => proxy.stop()))
  const counted = await recount(fleet.kafka.brokers, partitions, earlier)
  const status = await until(
    async () => {
      const found = await fleet.collectors[0]!.status()
      return found.events.folded >= counted.events ? found : null
    },
    `${fault.name}: ${counted.events} facts are folded`,
    60_000,
  )
  const verified = await verifyFleet({
    kafka: testConfig(fleet.kafka.brokers, 'mtscope', partitions),
    redis: { urls: [redis.url], prefix: 'mtscope' },
    replayWindowMs: 3_600_000,
    logger: silent,
    progress: silent,
  })
  const { totals, events } = status
  return {
    fault: fault.name,
    sessions: load.sessions,
    dropped: load.dropped,
    firstDrop: load.firstDrop,
    events: counted.events,
    lost: counted.gaps,
    reported: counted.reported,
    twice: Math.max(0, events.folded - counted.events),
    equal:
      (fault.newTopic || verified.every(({ difference }) => difference === null)) &&
      totals.connections === counted.accepted &&
      totals.bytesToClient === counted.bytesToClient &&
      events.folded === counted.events,
    addedP99Ms: during - p99,
    rssGrowthMb: after - before,
    recoverySeconds,
  }
}

/** Why an outcome is not what is promised; null when it is. */
export const failing = ({ dropped, lost, reported, twice, equal, firstDrop }: Outcome): string | null => {
  if (dropped > 0) return `${dropped} clients dropped (${firstDrop})`
  if (lost !== reported) return `${lost} sequence numbers are missing, ${reported} of them told`
  if (twice > 0) return `${twice} facts counted twice`
  return equal ? null : 'the aggregates are not what a recount gives'
}
