import { randomInt } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import type { KafkaConfig } from '../../../proxy/config/config.ts'
import { openKafka } from '../../../proxy/kafka/connect.ts'
import { topicExtent } from '../../../proxy/kafka/offsets.ts'
import { partitionKey } from '../../../proxy/redis/keys.ts'
import type { Redis } from '../../test/services/redis.ts'
import { until } from '../../test/until.ts'
import type { Fault, Scene } from './fault.ts'
import { type LargeFleet, redisPassword } from './large-fleet.ts'

const times = (count: number, scale: number): number => Math.max(1, Math.round(count * scale))
const topic = 'mtscope.events'
/** Longest wait for an election or a take-over on a busy machine. */
const patientMs = 120_000

const asking = async <T>(kafka: KafkaConfig, ask: (admin: Admin) => Promise<T>): Promise<T> => {
  const admin = openKafka(kafka, 'fault', () => {}).kafka.admin()
  try {
    await admin.connect()
    return await ask(admin)
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

const partitionsOf = (kafka: KafkaConfig, name = topic) =>
  asking(
    kafka,
    async (admin) => (await admin.fetchTopicMetadata({ topics: [name] })).topics[0]?.partitions ?? [],
  )

/** Resolves when every replica of every partition is in sync. */
const inSync = (kafka: KafkaConfig): Promise<unknown> =>
  until(
    async () => {
      const found = await partitionsOf(kafka).catch(() => [])
      return found.length > 0 && found.every(({ isr, replicas }) => isr.length === replicas.length)
    },
    'all replicas are in sync',
    patientMs,
  )

const rollingRestart = async ({ large, kafka, scale }: Scene): Promise<void> => {
  for (let round = 0; round < times(2, scale); round++) {
    for (const broker of large!.kafka.nodes) {
      await broker.stop()
      await wait(2_000)
      await broker.start()
      await inSync(kafka)
    }
  }
}

/** Kills the leader of the partition with most events, and does not start it again. */
const loseBroker = async ({ large, kafka, scale }: Scene): Promise<void> => {
  const found = await partitionsOf(kafka)
  const extent = await topicExtent(
    openKafka(kafka, 'fault', () => {}),
    topic,
  )
  const next = (partition: number): number => extent.get(partition)?.next ?? 0
  const [most] = [...found].sort((a, b) => next(b.partitionId) - next(a.partitionId))
  await large!.kafka.nodes[(most?.leader ?? 1) - 1]!.kill()
  await wait(Math.max(8_000, 30_000 * scale))
}

/** Makes the next replica of each partition its leader, also of the partitions that hold the groups. */
const moveLeaders = async ({ kafka }: Scene): Promise<void> => {
  for (const name of [topic, '__consumer_offsets']) {
    const before = await partitionsOf(kafka, name)
    const partitionAssignment = before.map(({ partitionId, replicas }) => ({
      partition: partitionId,
      replicas: [...replicas.slice(1), replicas[0]!],
    }))
    await asking(kafka, (admin) =>
      admin.alterPartitionReassignments({ topics: [{ topic: name, partitionAssignment }] }),
    )
    await until(
      async () => {
        const after = await partitionsOf(kafka, name).catch(() => [])
        return (
          after.length > 0 &&
          after.every(
            ({ partitionId, leader }) =>
              leader === partitionAssignment.find((one) => one.partition === partitionId)?.replicas[0],
          )
        )
      },
      `the leaders of ${name} have moved`,
      patientMs,
    )
  }
}

/** The offset of a partition as this server has it; null when it belongs to another node of the cluster. */
const offsetIn = async ({ ask }: Redis, partition: number): Promise<number | null> => {
  const [, offset] =
    /^\$\d+\r\n(\d+)/.exec(await ask('HGET', partitionKey('mtscope', partition, 'meta'), 'offset')) ?? []
  return offset === undefined ? null : Number(offset)
}

/**
 * Cuts the replicas off, and kills the master once it has folded more than they know of `partition`. Resolves when `isOver` finds
 * that another one has taken over.
 */
const loseTail = async (
  master: Redis,
  replicas: readonly Redis[],
  partition: number,
  isOver: () => Promise<boolean>,
): Promise<void> => {
  // A replica with a wrong password cannot connect again.
  for (const { ask } of replicas) await ask('CONFIG', 'SET', 'masterauth', 'wrong')
  await master.ask('CLIENT', 'KILL', 'TYPE', 'replica')
  const known = (await offsetIn(master, partition)) ?? 0
  await until(
    async () => ((await offsetIn(master, partition)) ?? 0) > known + 2,
    'the tail has grown',
    patientMs,
  )
  await master.kill()
  await until(isOver, 'a replica has taken over', patientMs)
  for (const { ask } of replicas) await ask('CONFIG', 'SET', 'masterauth', redisPassword)
}

/** The partition with most events. */
const busiest = async (kafka: KafkaConfig): Promise<number> => {
  const extent = await topicExtent(
    openKafka(kafka, 'fault', () => {}),
    topic,
  )
  return [...extent].sort(([, a], [, b]) => b.next - a.next)[0]![0]
}

const isMaster = async ({ ask }: Redis): Promise<boolean> => (await ask('ROLE')).includes('master')

const failOverBySentinel = async ({ large, kafka, scale }: Scene): Promise<void> => {
  const { nodes, master } = large!.sentinel!
  for (let round = 0; round < times(3, scale); round++) {
    const old = await master()
    const next = nodes.find((node) => node !== old)!
    await loseTail(
      old,
      [next],
      await busiest(kafka),
      async () => (await master()) === next && (await isMaster(next)),
    )
    await wait(3_000)
    await old.start()
    await until(
      async () => (await old.ask('INFO', 'replication')).includes('master_link_status:up'),
      'the old master is a replica',
      patientMs,
    )
  }
}

/** The master of a Redis Cluster that holds a partition. */
const holderOf = async ({ cluster }: LargeFleet, partition: number): Promise<Redis> => {
  for (const node of cluster!.nodes)
    if ((await isMaster(node)) && (await offsetIn(node, partition)) !== null) return node
  throw new Error(`no node of the cluster has partition ${partition}`)
}

const loseClusterNode = async ({ large, kafka, scale }: Scene): Promise<void> => {
  const partition = await busiest(kafka)
  const lost = await holderOf(large!, partition)
  const others = large!.cluster!.nodes.filter((node) => node !== lost)
  const replicas: Redis[] = []
  for (const node of others) if (!(await isMaster(node))) replicas.push(node)
  await loseTail(lost, replicas, partition, async () => {
    for (const node of replicas) if (await isMaster(node)) return true
    return false
  })
  await wait(Math.max(5_000, 20_000 * scale))
}

/** Triples the partitions, and adds proxies until a new partition has events. */
const addPartitions = async ({ fleet, kafka, scale }: Scene): Promise<void> => {
  const before = (await partitionsOf(kafka)).length
  await asking(kafka, (admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 3 * before }] }))
  const client = openKafka(kafka, 'fault', () => {})
  const isUsed = async (): Promise<boolean> =>
    [...(await topicExtent(client, topic))].some(([partition, { next }]) => partition >= before && next > 0)
  for (let added = 0; added < 8 && !(await isUsed()); added++) {
    await fleet.addProxy()
    await wait(randomInt(2_000, 4_000))
  }
  if (!(await isUsed())) throw new Error('no proxy has sent to a new partition')
  await wait(Math.max(5_000, 20_000 * scale))
}

/** The faults of a fleet with three brokers and several Redis servers. */
export const largeFaults: readonly Fault[] = [
  { name: 'three brokers restart one after the other, 2 times', large: 'cluster', strike: rollingRestart },
  { name: 'one of three brokers is lost for good', large: 'cluster', strike: loseBroker },
  {
    name: 'the leaders of three brokers move 5 times',
    large: 'cluster',
    strike: async (scene) => {
      for (let i = 0; i < times(5, scene.scale); i++) await moveLeaders(scene)
    },
  },
  {
    name: 'Redis fails over by Sentinel and loses its tail, 3 times',
    large: 'sentinel',
    strike: failOverBySentinel,
  },
  {
    name: 'a master of a Redis Cluster is lost for good with its tail',
    large: 'cluster',
    strike: loseClusterNode,
  },
  { name: 'partitions are added to a running fleet', large: 'cluster', strike: addPartitions },
]
