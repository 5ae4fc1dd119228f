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
/** So many that hardly a partition is left to a collector. */
const strayCount = 12

/** Of what becomes of the events. */
export const pipelineDrills: readonly Drill[] = [
  {
    name: 'Redis does not answer for 6 s',
    strike: async ({ fleet }) => {
      fleet.redis.freeze()
      // Time itself: less than makes a lost Redis.
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
      { ...collector('replay-unclaimed', 'fleet'), because: 'no handshake is answered for' },
      { ...prometheus('MtscopeReplayUnclaimed', ''), because: 'no handshake is answered for' },
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
  },
  {
    name: 'somebody writes junk to the topic',
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
    name: 'somebody writes under thousands of names',
    strike: async (world) => {
      const producer = kafkaOf(world).producer()
      await producer.connect()
      // They stop cleanly: a name that falls silent is another alert.
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
    name: 'the topic of the events is deleted and made again',
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
        because: 'events that were not folded went with the topic',
      },
      {
        ...prometheus('MtscopeEventsLost', 'reason=unexplained'),
        because: 'events that were not folded went with the topic',
      },
    ],
  },
  {
    name: 'Kafka deletes events that nobody has folded',
    strike: async (world) => {
      const admin = kafkaOf(world).admin()
      await admin.connect()
      for (const one of world.fleet.collectors) one.signal('SIGSTOP')
      // Time itself: events come meanwhile.
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
    name: 'somebody begins a transaction on the topic and never ends it',
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
    // Longer than it takes until a node counts as silent.
    watch: 75,
    // What is in it is junk; what comes after it is not held back.
    fires: junk,
  },
  {
    name: 'other programs join the group of the collectors',
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
