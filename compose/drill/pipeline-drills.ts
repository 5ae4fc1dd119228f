import { setTimeout as wait } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { collector, type Drill, prometheus } from './drill.ts'
import { partitions, type World } from './world.ts'

const topic = 'mtscope.events'
const kafkaOf = ({ fleet }: World): Kafka =>
  new Kafka({ clientId: 'drill', brokers: [...fleet.kafka.brokers], logLevel: logLevel.NOTHING })

const each = Array.from({ length: partitions }, (_, partition) => partition)
const both = ['collector-1', 'collector-2'] as const

/** Of what becomes of the events. */
export const pipelineDrills: readonly Drill[] = [
  {
    name: 'Redis does not answer for 6 s',
    strike: async ({ fleet }) => {
      fleet.redis.freeze()
      // Time itself: less than makes a lost Redis.
      await wait(6_000)
      fleet.redis.thaw()
      return () => {}
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
      return () => {}
    },
    fires: [collector('dead-letters', 'fleet'), prometheus('MtscopeDeadLetters', 'reason=message')],
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
      return () => {}
    },
    fires: [collector('events-lost', 'all nodes'), prometheus('MtscopeEventsLost', 'reason=unexplained')],
  },
  {
    name: 'a transaction that never ends holds back the topic',
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
      return async () => {
        await transaction.abort()
        await producer.disconnect()
      }
    },
    fires: [collector('collector-lag', 'collector'), prometheus('MtscopeCollectorLag', '')],
  },
]
