import type { KafkaClient } from '../../proxy/kafka/connect.ts'
import { type Extent, watchOffsets } from '../../proxy/kafka/offsets.ts'

export type Ends = {
  /** Partitions of the events: as Kafka says, or as the settings do until it has. */
  readonly partitions: number
  /** How many messages there are from this offset on: what was deleted is not among them. Null until Kafka has said. */
  waiting(partition: number, from: number): number | null
  /** How many messages there are. Null until Kafka has said. */
  messages(partition: number): number | null
  /** Where each partition ended when Kafka first said; null until then. */
  readonly atFirst: ReadonlyMap<number, number> | null
  stop(): Promise<void>
}

const everyMs = 5_000

/** Where the log of each partition ends, asked every few seconds: whoever folds nothing would not know how far it is behind. */
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
