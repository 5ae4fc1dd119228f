import { setTimeout as delay } from 'node:timers/promises'
import type { EachBatchPayload, Consumer as KafkaConsumer } from 'kafkajs'
import type { Codec } from './codecs.ts'
import type { KafkaClient } from './connect.ts'
import { failureOf, hintOf, type KafkaFailure } from './errors.ts'
import { rawOf } from './raw-fetch.ts'
import { type KafkaRecord, openBatch, type RawBatch, sentAt, type Unreadable } from './records.ts'
import { ensureTopics } from './topics.ts'

export type Incoming = KafkaRecord & {
  /** In place of a batch that cannot be read, at its last offset: the first one, and why. */
  readonly unreadable?: {
    readonly first: number
    readonly why: Unreadable
    readonly codec: Codec | 'unknown'
  }
}

/** What a batch comes with. */
export type Turn = {
  readonly partition: number
  /** The offsets that the messages come from, the second not included; some of them may have none. */
  readonly from: number
  readonly to: number
  /** The offset after the last message there is. */
  readonly end: number
  /** False once the partition is somebody else's, or this consumer stops. */
  alive(): boolean
  /** Keeps the membership while the work takes long; rejects when the group has moved on: let it through. */
  heartbeat(): Promise<void>
}

export type Handlers = {
  /** The group has settled: these partitions are ours until the next time it is called. */
  assigned(partitions: readonly number[]): void
  /** Messages of one partition in order. What it rejects with makes the consumer join again. */
  batch(turn: Turn, messages: readonly Incoming[]): Promise<void>
}

export type Consumer = {
  /** Whether it is in the group and heard of the brokers lately. */
  readonly up: boolean
  /** Why it is not; null when it is, or does not know. */
  readonly failure: KafkaFailure | null
  /** The next batch of a partition begins here. */
  seek(partition: number, offset: number): void
  /** Tells Kafka how far we are, for tools that show the lag; the truth is kept elsewhere. */
  commit(partition: number, offset: number): Promise<void>
  /** Leaves the group, so that others take over at once. */
  stop(): Promise<void>
}

/** So often a batch is fetched before it counts as unreadable: a network may have damaged it. */
const mostTries = 3
/** Batches are opened and passed on together up to this size. */
const togetherBytes = 4 * 2 ** 20

/** How long a member may be silent before its partitions go to others; kafkajs also waits so long to come back itself. */
const sessionMs = 6_000

/**
 * A member of a consumer group that never gives up: kafkajs ends itself after some errors, and is started again. Offsets
 * are not Kafka's to keep here; `seek` says where to go on.
 */
export const openConsumer = (
  client: KafkaClient,
  options: { readonly topic: string; readonly group: string; readonly concurrent?: number },
  handlers: Handlers,
): Consumer => {
  const { kafka, logger } = client
  const { topic, group, concurrent = 4 } = options
  const closing = new AbortController()
  let consumer: KafkaConsumer | null = null
  let up = false
  let failure: KafkaFailure | null = null
  /** What was told last: another reason is told, too. */
  let reported: KafkaFailure | null = null

  const lost = (error: unknown): void => {
    up = false
    if (closing.signal.aborted) return
    const why = failureOf(error, client.config.brokers)
    failure = why
    if (reported === why) return
    reported = why
    logger('warn', 'kafka-lost', { topic, why, hint: hintOf(why) ?? 'tries again by itself' })
  }

  /** By partition: the batch that could not be read last, and how often. */
  const failing = new Map<number, { readonly first: number; readonly tries: number }>()

  /** Opens batches up to a size, from `at` on; `retry` is the offset of one that is to be fetched again. */
  const open = async (partition: number, batches: readonly RawBatch[], at: number) => {
    const messages: Incoming[] = []
    let bytes = 0
    for (; at < batches.length && bytes < togetherBytes; at++) {
      const batch = batches[at]!
      const opened = await openBatch(batch)
      if ('records' in opened) {
        for (const record of opened.records) messages.push(record)
        bytes += opened.bytes
        continue
      }
      const { first, last } = batch
      const before = failing.get(partition)
      const tries = before?.first === first ? before.tries + 1 : 1
      failing.set(partition, { first, tries })
      if (tries < mostTries) return { messages, at, retry: first }
      messages.push({
        offset: last,
        at: sentAt(batch, Date.now()),
        sentAt: Number.NaN,
        key: null,
        value: null,
        unreadable: { first, ...opened },
      })
    }
    return { messages, at, retry: null }
  }

  const eachBatch = async ({ batch, heartbeat, isRunning, isStale }: EachBatchPayload): Promise<void> => {
    const { partition } = batch
    const alive = (): boolean => isRunning() && !isStale() && !closing.signal.aborted
    const end = Number(batch.highWatermark)
    const batches = batch.messages.map(rawOf)
    for (let at = 0; at < batches.length && alive(); ) {
      const from = batches[at]!.first
      const opened = await open(partition, batches, at)
      at = opened.at
      const to = opened.retry ?? batches[at - 1]!.last + 1
      if (to > from) await handlers.batch({ partition, from, to, end, alive, heartbeat }, opened.messages)
      if (opened.retry !== null) {
        if (alive()) seek(partition, opened.retry)
        return
      }
      await heartbeat()
    }
  }

  const seek = (partition: number, offset: number): void => {
    try {
      consumer?.seek({ topic, partition, offset: String(offset) })
    } catch {
      // Not running yet, or no more: it is sought again once the group has settled.
    }
  }

  /** One life of a kafkajs consumer; resolves when it has died. */
  const live = async (): Promise<void> => {
    await ensureTopics(client)
    const member = kafka.consumer({
      groupId: group,
      sessionTimeout: sessionMs,
      heartbeatInterval: 1_000,
      rebalanceTimeout: sessionMs,
      maxWaitTimeInMs: 200,
      maxBytesPerPartition: 4 * 2 ** 20,
      maxBytes: 16 * 2 ** 20,
      allowAutoTopicCreation: false,
      // Nothing of ours is in a transaction: one that somebody else leaves open must not hold back all that comes after it.
      readUncommitted: true,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 4, restartOnFailure: async () => false },
    })
    const died = Promise.withResolvers<unknown>()
    member.on('consumer.crash', ({ payload }) => died.resolve(payload.error))
    member.on('consumer.group_join', ({ payload }) => {
      if (reported !== null) logger('info', 'kafka-back', { topic })
      reported = null
      failure = null
      up = true
      handlers.assigned(payload.memberAssignment[topic] ?? [])
    })
    closing.signal.addEventListener('abort', () => died.resolve(null), { once: true })
    consumer = member
    try {
      await member.connect()
      await member.subscribe({ topics: [topic], fromBeginning: true })
      await member.run({ autoCommit: false, partitionsConsumedConcurrently: concurrent, eachBatch })
      lostIf(await died.promise)
    } finally {
      consumer = null
      up = false
      handlers.assigned([])
      await Promise.race([member.disconnect().catch(() => {}), delay(3_000, undefined, { ref: false })])
    }
  }
  const lostIf = (error: unknown): void => {
    if (error !== null) lost(error)
  }

  const running = (async () => {
    for (let tries = 0; !closing.signal.aborted; tries++) {
      const since = performance.now()
      await live().catch(lost)
      if (performance.now() - since > 30_000) tries = 0
      await delay(Math.min(2_000, 100 * 2 ** Math.min(tries, 5)), undefined, {
        signal: closing.signal,
      }).catch(() => {})
    }
  })()

  return {
    get up() {
      return up
    },
    get failure() {
      return failure
    },
    seek,
    commit: async (partition, offset) => {
      await consumer?.commitOffsets([{ topic, partition, offset: String(offset) }]).catch(() => {})
    },
    stop: async () => {
      closing.abort()
      await Promise.race([running, delay(5_000, undefined, { ref: false })])
    },
  }
}
