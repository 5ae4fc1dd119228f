import { decodeMessage } from '../../../../proxy/events/codec.ts'
import type { ProxyEvent } from '../../../../proxy/events/contract.ts'
import { openKafka } from '../../../../proxy/kafka/connect.ts'
import { openConsumer } from '../../../../proxy/kafka/consumer.ts'
import { testConfig } from './test-config.ts'

export type Seen = {
  readonly partition: number
  readonly key: string
  readonly value: Buffer
}

/** One event as read from the topic; a repeated one counts again. */
export type SeenEvent = {
  readonly from: string
  readonly partition: number
  readonly seq: number
  readonly event: ProxyEvent
}

export type TopicReader = AsyncDisposable & {
  readonly messages: readonly Seen[]
  /** The events of all messages. Throws when a message cannot be decoded. */
  events(): SeenEvent[]
}

/** For tests: reads a topic from its beginning and follows it. */
export const readTopic = (
  brokers: readonly string[],
  { topic = 'mtscope.events', partitions = 3 } = {},
): TopicReader => {
  const messages: Seen[] = []
  const client = openKafka(testConfig(brokers, 'mtscope', partitions), 'reader', () => {})
  const next = new Map<number, number>()
  const consumer = openConsumer(
    client,
    { topic, group: `reader-${Math.random()}` },
    {
      assigned: () => {},
      batch: async ({ partition }, batch) => {
        for (const { offset, key, value } of batch) {
          // The group commits nothing, so that it reads from the first offset again after a rebalance.
          if (offset < (next.get(partition) ?? 0)) continue
          next.set(partition, offset + 1)
          messages.push({ partition, key: String(key ?? ''), value: value ?? Buffer.alloc(0) })
        }
      },
    },
  )
  return {
    messages,
    events: () =>
      messages.flatMap(({ partition, value }) => {
        const batch = decodeMessage(value.toString())
        if ('error' in batch) throw new Error(batch.error)
        const { node, boot, seq, events } = batch
        return events.map((event, n) => ({ from: `${node}/${boot}`, partition, seq: seq + n, event }))
      }),
    [Symbol.asyncDispose]: consumer.stop,
  }
}
