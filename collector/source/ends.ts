import type { KafkaClient } from '../../proxy/kafka/connect.ts'
import { type Extent, watchOffsets } from '../../proxy/kafka/offsets.ts'

export type Ends = {
  /** Number of partitions of the event topic; until Kafka answers, the number in the settings. */
  readonly partitions: number
  /** Messages from this offset on, without deleted ones; null until Kafka answers. */
  waiting(partition: number, from: number): number | null
  /** Messages in the partition; null until Kafka answers. */
  messages(partition: number): number | null
  /** The end of each partition at Kafka's first answer; null until then. */
  readonly atFirst: ReadonlyMap<number, number> | null
  stop(): Promise<void>
}

const everyMs = 5_000

/** Asks Kafka for the end of each partition every 5 seconds, so that a collector that folds nothing knows its lag. */
export const watchEnds = (client: KafkaClient): Ends => {
  let extents: ReadonlyMap<number, Extent> = new Map()
  let atFirst: ReadonlyMap<number, number> | null = null
  const watching = watchOffsets(client, client.config.topics.events, everyMs, (found) => {
    extents = found
    atFirst ??= new Map([...found].map(([partition, { next }]) => [partition, next]))
  })
  return {
    get partitions() {
      return extents.size || client.config.partitions
    },
    get atFirst() {
      return atFirst
    },
    waiting: (partition, from) => {
      const extent = extents.get(partition)
      return extent === undefined ? null : Math.max(0, extent.next - Math.max(from, extent.first))
    },
    messages: (partition) => {
      const extent = extents.get(partition)
      return extent === undefined ? null : extent.next - extent.first
    },
    stop: watching.stop,
  }
}
