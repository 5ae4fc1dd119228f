import { randomUUID } from 'node:crypto'
import type { KafkaClient } from './connect.ts'
import { type Incoming, openConsumer } from './consumer.ts'

/** The offsets of a partition to read; `to` is not included. */
export type Range = { readonly from: number; readonly to: number }

/**
 * Reads ranges of a topic, each partition in order, and resolves at their ends. It uses a consumer group of its own and
 * deletes that afterwards. Waits for brokers that are away. Rejects with what `each` throws.
 */
export const readRanges = async (
  client: KafkaClient,
  topic: string,
  ranges: ReadonlyMap<number, Range>,
  each: (partition: number, messages: readonly Incoming[]) => void,
): Promise<void> => {
  const next = new Map([...ranges].filter(([, { from, to }]) => from < to).map(([p, { from }]) => [p, from]))
  if (next.size === 0) return
  const group = `mtscope-read-${randomUUID()}`
  const done = Promise.withResolvers<void>()
  const consumer = openConsumer(
    client,
    { topic, group },
    {
      assigned: (partitions) => {
        for (const partition of partitions) consumer.seek(partition, next.get(partition) ?? 0)
      },
      batch: async ({ partition, to: reached }, messages) => {
        const from = next.get(partition)
        const to = ranges.get(partition)?.to ?? 0
        if (from === undefined) return
        // Offsets that retention deletes during the read are not waited for.
        const wanted = messages.filter(({ offset }) => offset >= from && offset < to)
        try {
          if (wanted.length > 0) each(partition, wanted)
        } catch (error) {
          done.reject(error)
        }
        if (reached >= to) next.delete(partition)
        else if (reached > from) next.set(partition, reached)
        if (next.size === 0) done.resolve()
      },
    },
  )
  try {
    await done.promise
  } finally {
    await consumer.stop()
    const admin = client.kafka.admin()
    await admin
      .connect()
      .then(() => admin.deleteGroups([group]))
      .catch(() => {})
      .finally(() => admin.disconnect().catch(() => {}))
  }
}
