import type { KafkaClient } from '../../proxy/kafka/connect.ts'
import { watchOffsets } from '../../proxy/kafka/offsets.ts'

export type Ends = {
  /** Partitions of the events: as Kafka says, or as the settings do until it has. */
  readonly partitions: number
  /** The offset after the last message; null until Kafka has said. */
  of(partition: number): number | null
  stop(): Promise<void>
}

const everyMs = 5_000

/** Where the log of each partition ends, asked every few seconds: whoever folds nothing would not know how far it is behind. */
export const watchEnds = (client: KafkaClient): Ends => {
  let ends: ReadonlyMap<number, number> = new Map()
  const watching = watchOffsets(client, client.config.topics.events, everyMs, (found) => {
    ends = found
  })
  return {
    get partitions() {
      return ends.size || client.config.partitions
    },
    of: (partition) => ends.get(partition) ?? null,
    stop: watching.stop,
  }
}
