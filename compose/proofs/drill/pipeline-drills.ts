import { setTimeout as wait } from 'node:timers/promises'
import type { Kafka } from 'kafkajs'
import { mostEmitters } from '../../../collector/fold/emitters.ts'
import { openKafka } from '../../../proxy/kafka/connect.ts'
import { ensureTopics } from '../../../proxy/kafka/topics.ts'
import { testConfig } from '../../test/kit/kafka/test-config.ts'
import { until } from '../../test/until.ts'
import { collector, type Drill, prometheus } from './drill.ts'
import { partitions, type World } from './world.ts'

const topic = 'mtscope.events'
const kafkaOf = ({ fleet }: World): Kafka =>
  openKafka(testConfig(fleet.kafka.brokers, 'mtscope', partitions), 'drill', () => {}).kafka

const each = Array.from({ length: partitions }, (_, partition) => partition)
const both = ['collector-1', 'collector-2'] as const
const junk = [collector('dead-letters', 'fleet'), prometheus('MtscopeDeadLetters', 'reason=message')]
/** Enough to take nearly every partition from the collectors. */
const strayCount = 12

/** Faults between the proxies and the state: Kafka, Redis, foreign messages. */
export const pipelineDrills: readonly Drill[] = [
  {
    name: 'Redis does not answer for 6 s',
    strike: async ({ fleet }) => {
      fleet.redis.freeze()
      // Time itself: shorter than the limit of `redis-lost`.
      await wait(6_000)
      fleet.redis.thaw()
      return null
    },
    fires: [collector('replay-unclaimed', 'fleet'), prometheus('MtscopeReplayUnclaimed', '')],
  },
  {
    name: 'Redis dies',
    strike: async ({ fleet }) => {
      await fleet.redis.kill()
      return fleet.redis.start
    },
    fires: both.flatMap((node) => [
      collector('redis-lost', `collector ${node}`),
      prometheus('MtscopeRedisLost', `instance=${node} service=redis`),
    ]),
    follows: [
      { ...collector('replay-unclaimed', 'fleet'), because: 'Redis confirms no claim' },
      { ...prometheus('MtscopeReplayUnclaimed', ''), because: 'Redis confirms no claim' },
    ],
  },
  {
    name: 'Kafka dies',
    strike: async ({ fleet }) => {
      await fleet.kafka.kill()
      return fleet.kafka.start
    },
    fires: [
      ...both.flatMap((node) => [
        collector('kafka-lost', `collector ${node}`),
        prometheus('MtscopeKafkaLost', `instance=${node} service=kafka`),
      ]),
      prometheus('MtscopeShipLag', 'instance=proxy-1'),
      prometheus('MtscopeShipLag', 'instance=proxy-2'),
    ],
    follows: (['proxy-1', 'proxy-2'] as const).flatMap((node) => [
      { ...collector('users-unreadable', node), because: 'the users are in Kafka, too' },
      { ...prometheus('MtscopeUsersUnreadable', `instance=${node}`), because: 'the users are in Kafka, too' },
    ]),
  },
  {
    name: 'a damaged record on the topic of the users',
    strike: async (world) => {
      const write = async (value: string | null): Promise<void> => {
        const producer = kafkaOf(world).producer()
        await producer.connect()
        await producer.send({ topic: 'mtscope.users', messages: [{ key: 'mallory', value }] })
        await producer.disconnect()
      }
      await write('{}')
      return () => write(null)
    },
    fires: (['proxy-1', 'proxy-2'] as const).flatMap((node) => [
      collector('users-unreadable', node),
      prometheus('MtscopeUsersUnreadable', `instance=${node}`),
    ]),
  },
  {
    name: 'junk messages on the topic',
    strike: async (world) => {
      const producer = kafkaOf(world).producer()
      await producer.connect()
      await producer.send({ topic, messages: Array.from({ length: 5 }, () => ({ value: 'junk' })) })
      await producer.disconnect()
      return null
    },
    fires: junk,
  },
  {
    name: 'events of thousands of made-up nodes on the topic',
    strike: async (world) => {
      const producer = kafkaOf(world).producer()
      await producer.connect()
      // These nodes stop cleanly: a silent one would raise another alert.
      const event = { v: 1, type: 'process.stopped', at: Date.now(), reason: 'drill' }
      const message = (number: number) => ({
        partition: number % partitions,
        value: JSON.stringify({ node: `made-up-${number}`, boot: 'b', seq: 1, events: [event] }),
      })
      const count = partitions * (mostEmitters + 100)
      await producer.send({ topic, messages: Array.from({ length: count }, (_, number) => message(number)) })
      await producer.disconnect()
      return null
    },
    fires: [collector('names-refused', 'fleet'), prometheus('MtscopeNamesRefused', '')],
  },
  {
    name: 'the events topic is deleted and recreated',
    strike: async (world) => {
      const client = openKafka(
        testConfig(world.fleet.kafka.brokers, 'mtscope', partitions),
        'drill',
        () => {},
      )
      const admin = client.kafka.admin()
      await admin.connect()
      await admin.deleteTopics({ topics: [topic] })
      await until(async () => !(await admin.listTopics()).includes(topic), 'the topic is gone')
      await admin.disconnect()
      await ensureTopics(client)
      return null
    },
    fires: [collector('topic-replaced', 'fleet'), prometheus('MtscopeTopicReplaced', 'reason=topic')],
    follows: [
      {
        ...collector('events-lost', 'all nodes'),
        because: 'the topic takes events with it that no collector has folded',
      },
      {
        ...prometheus('MtscopeEventsLost', 'reason=unexplained'),
        because: 'the topic takes events with it that no collector has folded',
      },
    ],
  },
  {
    name: 'Kafka deletes events before a collector folds them',
    strike: async (world) => {
      const admin = kafkaOf(world).admin()
      await admin.connect()
      for (const one of world.fleet.collectors) one.signal('SIGSTOP')
      // Time itself: new events arrive.
      await wait(2_500)
      const ends = await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({
        topic,
        partitions: ends.map(({ partition, high }) => ({ partition, offset: high })),
      })
      for (const one of world.fleet.collectors) one.signal('SIGCONT')
      await admin.disconnect()
      return null
    },
    fires: [collector('events-lost', 'all nodes'), prometheus('MtscopeEventsLost', 'reason=unexplained')],
  },
  {
    name: 'a transaction on the topic that never ends',
    strike: async (world) => {
      const producer = kafkaOf(world).producer({
        transactionalId: 'drill',
        maxInFlightRequests: 1,
        idempotent: true,
        transactionTimeout: 600_000,
      })
      await producer.connect()
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: each.map((partition) => ({ partition, value: 'never' })) })
      await producer.disconnect()
      return null
    },
    // Longer than the limit of `node-silent`.
    watch: 75,
    // Its messages are junk; the collectors still read those after it.
    fires: junk,
  },
  {
    name: 'other programs join the consumer group of the collectors',
    strike: async (world) => {
      const strays = Array.from({ length: strayCount }, () =>
        kafkaOf(world).consumer({ groupId: 'mtscope-collector', sessionTimeout: 10_000 }),
      )
      await Promise.all(
        strays.map(async (stray) => {
          const joined = Promise.withResolvers<void>()
          stray.on('consumer.group_join', () => joined.resolve())
          await stray.connect()
          await stray.subscribe({ topics: [topic] })
          await stray.run({ autoCommit: false, eachMessage: async () => {} })
          await joined.promise
        }),
      )
      return async () => {
        await Promise.all(strays.map((stray) => stray.disconnect()))
      }
    },
    fires: [collector('collector-lag', 'collector'), prometheus('MtscopeCollectorLag', '')],
  },
]
