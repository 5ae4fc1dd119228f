import type { KafkaConfig } from '../../../proxy/config/config.ts'
import { decodeMessage } from '../../../proxy/events/codec.ts'
import { openKafka } from '../../../proxy/kafka/connect.ts'
import { topicExtent } from '../../../proxy/kafka/offsets.ts'
import { readRanges } from '../../../proxy/kafka/range.ts'

/** Counts of the events in the topic, without the collector's code: each event once, by its (node, boot, seq). */
export type Recount = {
  readonly events: number
  /** Events that are in the topic again. */
  readonly repeats: number
  /** Missing sequence numbers below the highest of their emitter. */
  readonly gaps: number
  /** Lost events that `events.lost` accounts for. */
  readonly reported: number
  readonly accepted: number
  readonly bytesToClient: number
  /** Sequence numbers by emitter, for the count of a recreated topic. */
  readonly seen: ReadonlyMap<string, Set<number>>
}

const none = { events: 0, repeats: 0, reported: 0, accepted: 0, bytesToClient: 0 }

/** Counts the events in the topic, on top of `before`, the count of a deleted topic. */
export const recount = async (kafka: KafkaConfig, before: Recount | null = null): Promise<Recount> => {
  const client = openKafka(kafka, 'recount', () => {})
  const topic = client.config.topics.events
  const ranges = new Map(
    [...(await topicExtent(client, topic))].map(([p, { first, next }]) => [p, { from: first, to: next }]),
  )
  const seen = new Map(before?.seen)
  let { events, repeats, reported, accepted, bytesToClient } = before ?? none
  await readRanges(client, topic, ranges, (_, messages) => {
    for (const { value } of messages) {
      const batch = decodeMessage(String(value))
      if ('error' in batch) continue
      const emitter = `${batch.node}/${batch.boot}`
      const known = seen.get(emitter) ?? new Set()
      seen.set(emitter, known)
      for (const [n, event] of batch.events.entries()) {
        if (known.has(batch.seq + n)) {
          repeats++
          continue
        }
        known.add(batch.seq + n)
        events++
        if (event.type === 'handshake.accepted') accepted++
        // Sums the parts: the total in a close also has parts that were lost. Bytes of unauthenticated clients do not count.
        if (event.type === 'connection.progress') bytesToClient += event.bytesToClient
        if (event.type === 'connection.closed' && event.user !== undefined) {
          bytesToClient += event.untoldToClient
        }
        if (event.type === 'events.lost') reported += event.count
      }
    }
  })
  let gaps = 0
  for (const known of seen.values()) {
    let highest = 0
    for (const seq of known) if (seq > highest) highest = seq
    gaps += highest - known.size
  }
  return { events, repeats, gaps, reported, accepted, bytesToClient, seen }
}
