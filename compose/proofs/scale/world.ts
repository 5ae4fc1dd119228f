import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { tickMs } from '../../../collector/fold/retention.ts'
import { metrics } from '../../../collector/read/metrics.ts'
import { openKafka } from '../../../proxy/kafka/connect.ts'
import { openProducer, type Producer } from '../../../proxy/kafka/producer.ts'
import { connectRedis } from '../../../proxy/redis/connect.ts'
import { testConfig } from '../../test/kit/kafka/test-config.ts'
import { type Appliance, startAppliance } from '../../test/kit/processes/harness.ts'
import { startKafka } from '../../test/services/kafka.ts'
import { startRedis } from '../../test/services/redis.ts'
import { createEmitter, type Emitter } from './emitter.ts'
import { type FleetSize, type NodeHistory, nodeHistory, nodeName } from './history.ts'
import { between, type Measured, type Spent, spent, topicBytes } from './measure.ts'

export type ScaleOptions = FleetSize & {
  readonly partitions: number
  /** Rows of each node in each of the two busy parts; each is 0.1 s of 200 connections a second. */
  readonly rows: number
  /** Minutes of history, in which each node emits a sample in each tick and now and then a connection. */
  readonly minutes: number
  /** Seconds in which each node emits a row a second. */
  readonly live: number
  readonly progress: (line: string) => void
}

export type Written = {
  readonly events: number
  readonly messages: number
  readonly seconds: number
  /** CPU of this process, which stands for the proxies, and of Kafka, seconds. */
  readonly cpu: number
  readonly kafka: number
  /** In Kafka, and as text. */
  readonly bytes: number
  readonly textBytes: number
}
export type Difference = ReturnType<typeof between>

export const silent = (): void => {}
const lanes = 16
export const prefix = 'mtscope'
/** New connections in a row of the busy parts. */
export const connectionsOfRow = 20
export const rowMs = 100
const ticksOfShipment = 30
const foldMs = 900_000

type Node = { readonly emitter: Emitter; readonly history: NodeHistory }

/** Starts Kafka and Redis, and the nodes that write to them; `stack` owns it. */
export const startWorld = async (stack: AsyncDisposableStack, { nodes, users, partitions }: ScaleOptions) => {
  const kafka = stack.use(await startKafka())
  const server = stack.use(await startRedis())
  const config = testConfig(kafka.brokers, prefix, partitions)
  const producers = Array.from({ length: lanes }, () =>
    openProducer(openKafka(config, 'emitters', silent), config.topics.events, { now: Date.now }),
  )
  stack.defer(async () => void (await Promise.all(producers.map((producer) => producer.close()))))
  await producers[0]!.partitions()
  const redis = connectRedis({ urls: [server.url], prefix }, 'scale', silent)
  stack.defer(() => redis.disconnect())
  if (redis.status !== 'ready') await once(redis, 'ready')
  const measured: Measured = { kafka, redis, prefix, partitions }
  const all = Array.from({ length: nodes }, (_, node): Node => {
    return { emitter: createEmitter(nodeName(node), 'b1'), history: nodeHistory(node, { nodes, users }) }
  })
  return { stack, config, server, producers, measured, nodes: all }
}
export type World = Awaited<ReturnType<typeof startWorld>>

export const writtenBy = ({ nodes }: World): number =>
  nodes.reduce((sum, { emitter }) => sum + emitter.events, 0)

const textOf = ({ nodes }: World): number => nodes.reduce((sum, { emitter }) => sum + emitter.textBytes, 0)

/** Ships the rows of all nodes, over as many connections as there are producers. */
const ship = async ({ nodes, producers }: World): Promise<void> => {
  const lane = async (producer: Producer, first: number): Promise<void> => {
    for (let node = first; node < nodes.length; node += producers.length)
      await nodes[node]!.emitter.ship(producer)
  }
  await Promise.all(producers.map(lane))
}

/** Measures what `write` takes, which returns the number of messages. */
export const writing = async (world: World, write: () => Promise<number>): Promise<Written> => {
  const [events, text, bytes] = [writtenBy(world), textOf(world), topicBytes(world.measured)]
  const cpu = process.cpuUsage()
  const before = await spent(world.measured, [])
  const messages = await write()
  const { user, system } = process.cpuUsage(cpu)
  const { seconds, kafka } = between(before, await spent(world.measured, []))
  return {
    events: writtenBy(world) - events,
    messages,
    seconds,
    cpu: (user + system) / 1e6,
    kafka,
    bytes: topicBytes(world.measured) - bytes,
    textBytes: textOf(world) - text,
  }
}

/** Busy rows of every node, from `at` on. */
export const writeRows = async (world: World, at: number, rows: number): Promise<number> => {
  for (let row = 0; row < rows; row++) {
    const since = at + row * rowMs
    for (const { emitter, history } of world.nodes) {
      const begin = emitter.events === 0 ? history.begin(since) : []
      const each = Array.from({ length: connectionsOfRow }, () => history.connection(since)).flat()
      emitter.append([...begin, ...each])
    }
    await ship(world)
  }
  return rows * world.nodes.length
}

/** A row for each node and tick, from `at` on. */
export const writeTicks = async (world: World, at: number, ticks: number): Promise<number> => {
  for (let first = 0; first < ticks; first += ticksOfShipment) {
    for (const { emitter, history } of world.nodes)
      for (let tick = first; tick < Math.min(ticks, first + ticksOfShipment); tick++) {
        const time = at + tick * tickMs
        emitter.append([...history.sample(time), ...(tick % 6 === 0 ? history.connection(time) : [])])
      }
    await ship(world)
  }
  return ticks * world.nodes.length
}

/** A row of each node in each second. */
export const writeLive = async (world: World, seconds: number): Promise<number> => {
  let messages = 0
  for (let second = 0; second < seconds; second++) {
    const next = wait(1_000)
    const now = Date.now()
    for (const [node, { emitter, history }] of world.nodes.entries())
      emitter.append([
        ...history.connection(now - 1_000),
        ...(second % 10 === node % 10 ? history.sample(now) : []),
      ])
    await ship(world)
    messages += world.nodes.length
    await next
  }
  return messages
}

export const servicesOf = ({ measured, server }: World) => ({
  KAFKA_BROKERS: measured.kafka.brokers.join(),
  KAFKA_PARTITIONS: `${measured.partitions}`,
  REDIS_URL: server.url,
})

export const startCollectors = (world: World, count: number): Promise<Appliance[]> =>
  Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const env = { ...servicesOf(world), NODE_NAME: `collector-${n + 1}` }
      return world.stack.use(await startAppliance({ program: 'collector/main.ts', env }))
    }),
  )

export const stopAll = async (collectors: readonly Appliance[]): Promise<void> =>
  void (await Promise.all(collectors.map((collector) => collector.stop())))

/** Whether every collector has partitions, and together they have all. */
const shareAll = async (collectors: readonly Appliance[], partitions: number): Promise<boolean> => {
  const held = await Promise.all(collectors.map((one) => one.metric(metrics.partitionsHeld.name)))
  return held.every((count) => count > 0) && held.reduce((a, b) => a + b, 0) === partitions
}

/** Resolves when all is folded, with what that took since every collector had its share; if all was folded before, since the start. */
export const folding = async (world: World, collectors: readonly Appliance[]): Promise<Difference> => {
  const { measured } = world
  const [total, deadline] = [writtenBy(world), performance.now() + foldMs]
  const start = await spent(measured, collectors)
  let shared: Spent | null = null
  for (;;) {
    const now = await spent(measured, collectors)
    if (now.folded >= total) {
      const isMost = shared !== null && total - shared.folded > (total - start.folded) / 4
      return between(isMost && shared !== null ? shared : start, now)
    }
    if (shared === null && (await shareAll(collectors, measured.partitions))) shared = now
    if (performance.now() > deadline)
      throw new Error(`${now.folded} of ${total} events are folded after ${foldMs / 1_000} s`)
    await wait(100)
  }
}
