import { setTimeout as delay } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import type { KafkaClient } from './connect.ts'
import { kafkaGaveUp } from './errors.ts'

/** First and next offset of each partition. */
export type Extent = { readonly first: number; readonly next: number }

const extentOf = async (admin: Admin, topic: string): Promise<Map<number, Extent>> =>
  new Map(
    (await admin.fetchTopicOffsets(topic))
      .sort((a, b) => a.partition - b.partition)
      .map(({ partition, low, high }) => [partition, { first: Number(low), next: Number(high) }]),
  )

/** A partition is between two leaders for so long when a broker fell or is too busy to say that it lives. */
const leaderlessMs = 30_000
const againMs = 500

/** Kafka did not tell: its message says to an operator why, and what can be done. */
export class KafkaSilent extends Error {}

/** Asks once; again and again while a partition has no leader, which kafkajs does not. Throws KafkaSilent. */
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

/** What a topic holds now. Throws KafkaSilent. */
export const topicExtent = (client: KafkaClient, topic: string): Promise<Map<number, Extent>> =>
  asking(client, (admin) => extentOf(admin, topic))

/** Of each partition the first offset at or after a time (epoch ms); its end when there is none. Throws KafkaSilent. */
export const offsetsAt = (client: KafkaClient, topic: string, at: number): Promise<Map<number, number>> =>
  asking(client, async (admin) => {
    const found = await admin.fetchTopicOffsetsByTimestamp(topic, at)
    return new Map(found.map(({ partition, offset }) => [partition, Number(offset)]))
  })

/** Tells what the partitions of a topic hold, again and again; silent while no broker answers. */
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
        admin = null // a new one: the old one may know only brokers that are gone
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
