import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import kafkajs, { CompressionTypes } from 'kafkajs'
import { encodeMessage } from '../../../proxy/events/codec.ts'
import { examples } from '../../../proxy/events/examples.ts'
import { openKafka } from '../../../proxy/kafka/connect.ts'
import { ensureTopics } from '../../../proxy/kafka/topics.ts'
import { testConfig } from '../../test/kit/kafka/test-config.ts'
import { until } from '../../test/until.ts'
import type { Fault, Scene } from './fault.ts'
import { largeFaults } from './large-faults.ts'

const junk = ['', '0', '{', '['.repeat(100_000), 'x'.repeat(500_000)]
/** Decompresses to more than the limit of 16 MiB a batch; compressed it is below 1 MB in every codec. */
const bomb = Buffer.alloc(17_500_000, 'x')

/** A message of 12,000 events, each in another ten seconds, all older than the ticks that the state keeps. */
const longMessage = (): string => {
  const since = Date.now() - 2 * 3_600_000
  const event = examples['connection.accepted']
  const events = Array.from({ length: 12_000 }, (_, i) => ({ ...event, at: since - i * 10_000 }))
  return encodeMessage({ node: 'other', boot: randomUUID(), seq: 1, text: JSON.stringify(events) })
}

/** Junk, a long message and a bomb in each partition, in every codec: the broker recompresses with the codec of the topic. */
const poison = async ({ fleet }: Scene): Promise<void> => {
  const { kafka } = openKafka(testConfig(fleet.kafka.brokers), 'poison', () => {})
  const [admin, producer] = [kafka.admin(), kafka.producer()]
  await Promise.all([admin.connect(), producer.connect()])
  const [topic] = (await admin.fetchTopicMetadata({ topics: ['mtscope.events'] })).topics
  for (const codec of ['gzip', 'snappy', 'lz4', 'zstd', 'uncompressed', 'producer']) {
    const configEntries = [{ name: 'compression.type', value: codec }]
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: 'mtscope.events', configEntries }],
    })
    for (const { partitionId: partition } of topic?.partitions ?? []) {
      const send = (value: string | Buffer) =>
        producer.send({
          topic: 'mtscope.events',
          messages: [{ partition, value }],
          compression: CompressionTypes.GZIP,
        })
      for (const value of junk) await send(value)
      if (codec === 'uncompressed') continue
      await send(longMessage())
      await send(bomb)
    }
  }
  await Promise.all([admin.disconnect(), producer.disconnect()])
}

/** Pauses the proxies first: events that are acknowledged but not folded would be lost with the topic. */
const recreateTopic = async ({ fleet, countTopic, excuse }: Scene): Promise<void> => {
  for (const proxy of fleet.proxies) {
    excuse(proxy)
    proxy.signal('SIGSTOP')
  }
  await until(async () => {
    const lags = await Promise.all(
      fleet.collectors.map((one) => one.metric('mtscope_collector_partition_lag')),
    )
    return lags.every((messages) => messages === 0)
  }, 'everything is folded')
  await countTopic()
  const client = openKafka(testConfig(fleet.kafka.brokers, 'mtscope', 4), 'recreate', () => {})
  const admin = client.kafka.admin()
  await admin.connect()
  await admin.deleteTopics({ topics: ['mtscope.events'] })
  await until(async () => !(await admin.listTopics()).includes('mtscope.events'), 'the topic is gone')
  await admin.disconnect()
  await ensureTopics(client)
  for (const proxy of fleet.proxies) proxy.signal('SIGCONT')
  await wait(10_000)
}

const times = (count: number, scale: number): number => Math.max(1, Math.round(count * scale))
const some = <T>(list: readonly T[]): T => list[randomInt(list.length)]!

const killBroker = async ({ fleet }: Scene): Promise<void> => {
  await wait(randomInt(200, 1_500))
  await fleet.kafka.kill()
  await wait(randomInt(100, 800))
  await fleet.kafka.start()
}
const killRedis = async ({ fleet }: Scene): Promise<void> => {
  await wait(randomInt(200, 1_500))
  await fleet.redis.kill()
  await wait(randomInt(50, 500))
  await fleet.redis.start()
}
const killCollector = async ({ fleet }: Scene): Promise<void> => {
  const collector = some(fleet.collectors)
  await wait(randomInt(50, 700))
  await collector.stop('SIGKILL')
  await collector.start()
}
const killProxy = async ({ fleet, excuse }: Scene): Promise<void> => {
  const [proxy] = fleet.proxies
  excuse(proxy!)
  await wait(randomInt(200, 1_500))
  await proxy!.stop('SIGKILL')
  await proxy!.start()
}

const again =
  (count: number, strike: Fault['strike']): Fault['strike'] =>
  async (scene) => {
    for (let i = 0; i < times(count, scene.scale); i++) await strike(scene)
  }
const seconds = (count: number, scale: number): Promise<void> => wait(Math.max(3_000, count * 1_000 * scale))

const hour = 3_600

/** What a machine raises that is too busy for its own load: not about clocks. */
const ofBusyMachine: ReadonlySet<string> = new Set(['replay-unclaimed', 'host-cpu', 'event-loop'])

/** Stops datacenter 4, and throws unless `datacenter-down` fires within its window, and no other alert about datacenters, nodes or time. */
const losesDatacenter = async ({ fleet }: Scene): Promise<void> => {
  const alerts = async () => (await fleet.collectors[0]!.status()).alerts
  await fleet.datacenters.get(4)!.goAway()
  await until(
    async () => (await alerts()).some(({ rule }) => rule === 'datacenter-down'),
    'the alert of a datacenter that refuses',
    // A minute without an answer, and a reserve for a busy machine.
    90_000,
  )
  for (const proxy of fleet.proxies)
    await until(async () => (await proxy.metric('mtscope_datacenter_up', { dc: '4' })) === 0, 'its metric')
  const others = (await alerts()).filter(({ rule }) => rule !== 'datacenter-down' && !ofBusyMachine.has(rule))
  if (others.length > 0)
    throw new Error(`other alerts after the clock jumps: ${others.map(({ summary }) => summary).join(' ')}`)
}

export const faults: readonly Fault[] = [
  { name: 'no fault', strike: ({ scale }) => seconds(15, scale) },
  { name: 'kill -9 the broker, 20 times', strike: again(20, killBroker) },
  { name: 'kill -9 Redis, 20 times', strike: again(20, killRedis) },
  { name: 'kill -9 a collector, 50 times', strike: again(50, killCollector) },
  { name: 'kill -9 a proxy, 10 times', strike: again(10, killProxy) },
  {
    name: 'kill -9 broker, Redis, collector and proxy together, 3 times',
    strike: again(3, async (scene) => {
      await Promise.all([killBroker(scene), killRedis(scene), killCollector(scene), killProxy(scene)])
    }),
  },
  {
    name: 'freeze the broker for 60 s',
    strike: async ({ fleet, scale }) => {
      fleet.kafka.freeze()
      await seconds(60, scale)
      fleet.kafka.thaw()
    },
  },
  {
    name: 'freeze a collector for 60 s',
    strike: async ({ fleet, scale }) => {
      fleet.collectors[0]!.signal('SIGSTOP')
      await seconds(60, scale)
      fleet.collectors[0]!.signal('SIGCONT')
    },
  },
  {
    name: 'a network black hole in front of the broker for 60 s',
    strike: async ({ forwarder, scale }) => {
      forwarder.swallow()
      await seconds(60, scale)
      forwarder.restore()
    },
  },
  {
    name: 'the disk of the event log fills up while the broker is down',
    disk: 3 * 2 ** 20,
    env: { LOG_MAX_BYTES: '64M' },
    strike: async ({ fleet, scale }) => {
      await fleet.kafka.kill()
      await seconds(60, scale)
      await fleet.kafka.start()
    },
  },
  {
    name: 'Kafka and Redis are down for 10 min, 500 connections a second',
    perSecond: 500,
    strike: async ({ fleet, scale }) => {
      await Promise.all([fleet.kafka.kill(), fleet.redis.kill()])
      await seconds(600, scale)
      await Promise.all([fleet.kafka.start(), fleet.redis.start()])
    },
  },
  {
    name: 'the clocks of the proxies jump 3.5 h and 400 days ahead, and 2 h back; then a datacenter refuses',
    clock: true,
    env: { PROBE_INTERVAL: '2' },
    datacenters: [4],
    strike: async (scene) => {
      const { setClock, scale } = scene
      for (const [jump, lasts] of [
        [3.5 * hour, 25],
        [0, 5],
        [400 * 24 * hour, 15],
        [-2 * hour, 10],
        [0, 5],
      ] as const) {
        setClock(jump)
        await seconds(lasts, scale)
      }
      await losesDatacenter(scene)
    },
  },
  { name: 'poison messages in every codec', strike: again(3, poison) },
  { name: 'the events topic is deleted and recreated', newTopic: true, strike: recreateTopic },
  {
    name: 'Redis fails over 3 times; the old master becomes READONLY',
    strike: again(3, async ({ failOver }) => {
      await failOver()
      await wait(5_000)
    }),
  },
  {
    name: 'slow collectors: paused nine tenths of the time',
    strike: async ({ fleet, scale }) => {
      for (const end = performance.now() + Math.max(3_000, 40_000 * scale); performance.now() < end; ) {
        for (const collector of fleet.collectors) collector.signal('SIGSTOP')
        await wait(900)
        for (const collector of fleet.collectors) collector.signal('SIGCONT')
        await wait(100)
      }
    },
  },
  ...largeFaults,
]
