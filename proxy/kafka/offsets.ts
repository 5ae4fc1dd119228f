import { setTimeout as delay } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import type { KafkaClient } from './connect.ts'
import { kafkaGaveUp } from './errors.ts'

/** The first and the next offset of a partition. */
export type Extent = { readonly first: number; readonly next: number }

const extentOf = async (admin: Admin, topic: string): Promise<Map<number, Extent>> =>
  new Map(
    (await admin.fetchTopicOffsets(topic))
      .sort((a, b) => a.partition - b.partition)
      .map(({ partition, low, high }) => [partition, { first: Number(low), next: Number(high) }]),
  )

/** How long a partition may have no leader after a broker failed, or was too busy for its heartbeat. */
const leaderlessMs = 30_000
const againMs = 500

/** Kafka did not answer. The message gives an operator the reason and what to do. */
export class KafkaSilent extends Error {}

/** Asks once, and repeats while a partition has no leader, which kafkajs does not do. Throws KafkaSilent. */
const asking = async <T>({ kafka, config }: KafkaClient, ask: (admin: Admin) => Promise<T>): Promise<T> => {
  const deadline = performance.now() + leaderlessMs
  for (;;) {
    const admin = kafka.admin()
    try {
      await admin.connect()
      return await ask(admin)
    } catch (error) {
      const { name, retriable } = error as { name?: string; retriable?: boolean }
      if (name !== 'KafkaJSProtocolError' || !retriable || performance.now() > deadline)
        throw new KafkaSilent(kafkaGaveUp(error, config.brokers), { cause: error })
    } finally {
      await admin.disconnect().catch(() => {})
    }
    await delay(againMs)
  }
}

/** The extent of each partition of a topic. Throws KafkaSilent. */
export const topicExtent = (client: KafkaClient, topic: string): Promise<Map<number, Extent>> =>
  asking(client, (admin) => extentOf(admin, topic))

/** For each partition the first offset at or after a time (epoch ms), or its end when there is none. Throws KafkaSilent. */
export const offsetsAt = (client: KafkaClient, topic: string, at: number): Promise<Map<number, number>> =>
  asking(client, async (admin) => {
    const found = await admin.fetchTopicOffsetsByTimestamp(topic, at)
    return new Map(found.map(({ partition, offset }) => [partition, Number(offset)]))
  })

/** Calls `reported` with the extents of a topic every `everyMs`; not while no broker answers. */
export const watchOffsets = (
  { kafka }: KafkaClient,
  topic: string,
  everyMs: number,
  reported: (extents: ReadonlyMap<number, Extent>) => void,
): { stop(): Promise<void> } => {
  const stopping = new AbortController()
  const watch = async (): Promise<void> => {
    let admin: Admin | null = null
    while (!stopping.signal.aborted) {
      try {
        admin ??= kafka.admin()
        await admin.connect()
        reported(await extentOf(admin, topic))
      } catch {
        await admin?.disconnect().catch(() => {})
        admin = null // a new one: the old one may know only brokers that no longer exist
      }
      await delay(everyMs, undefined, { signal: stopping.signal, ref: false }).catch(() => {})
    }
    await admin?.disconnect().catch(() => {})
  }
  const watching = watch()
  return {
    stop: async () => {
      stopping.abort()
      await Promise.race([watching, delay(2_000, undefined, { ref: false })])
    },
  }
}
