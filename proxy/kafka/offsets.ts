import { setTimeout as delay } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import type { KafkaClient } from './connect.ts'

/** First and next offset of each partition. */
export type Extent = { readonly first: number; readonly next: number }

const extentOf = async (admin: Admin, topic: string): Promise<Map<number, Extent>> =>
  new Map(
    (await admin.fetchTopicOffsets(topic))
      .sort((a, b) => a.partition - b.partition)
      .map(({ partition, low, high }) => [partition, { first: Number(low), next: Number(high) }]),
  )

/** What a topic holds now. Throws what kafkajs says. */
export const topicExtent = async ({ kafka }: KafkaClient, topic: string): Promise<Map<number, Extent>> => {
  const admin = kafka.admin()
  try {
    await admin.connect()
    return await extentOf(admin, topic)
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

/** Of each partition the first offset at or after a time (epoch ms); its end when there is none. */
export const offsetsAt = async (
  { kafka }: KafkaClient,
  topic: string,
  at: number,
): Promise<Map<number, number>> => {
  const admin = kafka.admin()
  try {
    await admin.connect()
    const found = await admin.fetchTopicOffsetsByTimestamp(topic, at)
    return new Map(found.map(({ partition, offset }) => [partition, Number(offset)]))
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

/** Tells what the partitions of a topic hold, again and again; silent while no broker answers. */
export const watchOffsets = (
  { kafka }: KafkaClient,
  topic: string,
  everyMs: number,
  told: (extents: ReadonlyMap<number, Extent>) => void,
): { stop(): Promise<void> } => {
  const stopping = new AbortController()
  const watch = async (): Promise<void> => {
    let admin: Admin | null = null
    while (!stopping.signal.aborted) {
      try {
        admin ??= kafka.admin()
        await admin.connect()
        told(await extentOf(admin, topic))
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
