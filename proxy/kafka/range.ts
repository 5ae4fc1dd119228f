import { randomUUID } from 'node:crypto'
import type { KafkaClient } from './connect.ts'
import { type Incoming, openConsumer } from './consumer.ts'

/** From which offset on, and up to which (not included), a partition is read. */
export type Range = { readonly from: number; readonly to: number }

/**
 * Reads ranges of a topic, each partition in order, and resolves at their ends. Nobody's offsets are touched: it is a
 * group of its own, which is gone afterwards. Waits for brokers that are away. What `each` throws ends it.
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
        // What retention took while it was read is not waited for.
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
