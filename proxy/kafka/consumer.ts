import { setTimeout as delay } from 'node:timers/promises'
import type { EachBatchPayload, Consumer as KafkaConsumer } from 'kafkajs'
import type { KafkaClient } from './connect.ts'
import { failureOf, hintOf, type KafkaFailure, retryHint } from './errors.ts'
import { batchOpener, type Incoming } from './open-batches.ts'
import { rawBatchOf } from './raw-fetch.ts'
import { ensureTopics } from './topics.ts'

export type { Incoming }

/** The range of offsets that a call of `Handlers.batch` covers. */
export type Turn = {
  readonly partition: number
  /** First offset of the messages, and the offset after their last one. Some offsets in between may have no message. */
  readonly from: number
  readonly to: number
  /** The offset after the last message of the partition. */
  readonly end: number
  /** False after the partition was given to another consumer, and while this one stops. */
  alive(): boolean
  /** Keeps the membership during long work. Rejects when the group has rebalanced: do not catch it. */
  heartbeat(): Promise<void>
}

export type Handlers = {
  /** After each rebalance: the partitions of this consumer until the next call. */
  assigned(partitions: readonly number[]): void
  /** Messages of one partition, in order. A rejection makes the consumer join the group again. */
  batch(turn: Turn, messages: readonly Incoming[]): Promise<void>
}

export type Consumer = {
  /** Whether it is a member of the group. */
  readonly up: boolean
  /** Why it is not; null while it is, and before the first failure. */
  readonly failure: KafkaFailure | null
  /** Sets the offset of the next batch of a partition. */
  seek(partition: number, offset: number): void
  /** Commits an offset to Kafka, for tools that show the lag. The collector reads its offsets from its own state. */
  commit(partition: number, offset: number): Promise<void>
  /** Leaves the group, so that another consumer takes over immediately. */
  stop(): Promise<void>
}

export type ConsumerOptions = {
  readonly topic: string
  readonly group: string
  readonly concurrent?: number
  /** How long a broker holds a fetch that has no message yet, ms: a new one is answered immediately. */
  readonly waitMs?: number
}

/** A member that is silent for this long loses its partitions. kafkajs waits as long before it reconnects. */
const sessionMs = 6_000
/** After a life this long, the back-off starts again. */
const stableMs = 30_000

const memberOptions = ({ group, waitMs = 200 }: ConsumerOptions) => ({
  groupId: group,
  sessionTimeout: sessionMs,
  heartbeatInterval: 1_000,
  rebalanceTimeout: sessionMs,
  // New partitions are found within this time.
  metadataMaxAge: 10_000,
  maxWaitTimeInMs: waitMs,
  maxBytesPerPartition: 4 * 2 ** 20,
  maxBytes: 16 * 2 ** 20,
  allowAutoTopicCreation: false,
  // mtscope uses no transactions: an open transaction of another producer must not hold back later messages.
  readUncommitted: true,
  retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 4, restartOnFailure: async () => false },
})

/** Its public functions are properties: callers may take them off the object. */
class Member implements Consumer {
  up = false
  failure: KafkaFailure | null = null
  readonly #client: KafkaClient
  readonly #options: ConsumerOptions
  readonly #handlers: Handlers
  readonly #open = batchOpener()
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  #consumer: KafkaConsumer | null = null
  /** The last logged failure: only another one is logged. */
  #logged: KafkaFailure | null = null

  constructor(client: KafkaClient, options: ConsumerOptions, handlers: Handlers) {
    this.#client = client
    this.#options = options
    this.#handlers = handlers
    this.#running = this.#run()
  }

  readonly seek = (partition: number, offset: number): void => {
    try {
      this.#consumer?.seek({ topic: this.#options.topic, partition, offset: String(offset) })
    } catch {
      // Not running: the owner seeks again when it gets its partitions.
    }
  }

  readonly commit = async (partition: number, offset: number): Promise<void> => {
    const { topic } = this.#options
    await this.#consumer?.commitOffsets([{ topic, partition, offset: String(offset) }]).catch(() => {})
  }

  readonly stop = async (): Promise<void> => {
    this.#closing.abort()
    await Promise.race([this.#running, delay(5_000, undefined, { ref: false })])
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    for (let tries = 0; !signal.aborted; tries++) {
      const since = performance.now()
      await this.#live().catch((error: unknown) => this.#lost(error))
      if (performance.now() - since > stableMs) tries = 0
      await delay(Math.min(2_000, 100 * 2 ** Math.min(tries, 5)), undefined, { signal }).catch(() => {})
    }
  }

  /** One life of a kafkajs consumer: it ends itself after some errors. */
  async #live(): Promise<void> {
    await ensureTopics(this.#client)
    const { topic, concurrent = 4 } = this.#options
    const member = this.#client.kafka.consumer(memberOptions(this.#options))
    const died = Promise.withResolvers<unknown>()
    member.on('consumer.crash', ({ payload }) => died.resolve(payload.error))
    member.on('consumer.group_join', ({ payload }) => this.#joined(payload.memberAssignment[topic] ?? []))
    this.#closing.signal.addEventListener('abort', () => died.resolve(null), { once: true })
    this.#consumer = member
    try {
      await member.connect()
      await member.subscribe({ topics: [topic], fromBeginning: true })
      await member.run({
        autoCommit: false,
        partitionsConsumedConcurrently: concurrent,
        eachBatch: (payload) => this.#eachBatch(payload),
      })
      const error = await died.promise
      if (error !== null) this.#lost(error)
    } finally {
      this.#consumer = null
      this.up = false
      this.#handlers.assigned([])
      await Promise.race([member.disconnect().catch(() => {}), delay(3_000, undefined, { ref: false })])
    }
  }

  #joined(partitions: readonly number[]): void {
    if (this.#logged !== null) this.#client.logger('info', 'kafka-back', { topic: this.#options.topic })
    this.#logged = null
    this.failure = null
    this.up = true
    this.#handlers.assigned(partitions)
  }

  #lost(error: unknown): void {
    this.up = false
    if (this.#closing.signal.aborted) return
    const { config, logger } = this.#client
    const reason = failureOf(error, config.brokers)
    this.failure = reason
    if (this.#logged === reason) return
    this.#logged = reason
    logger('warn', 'kafka-lost', { topic: this.#options.topic, reason, hint: hintOf(reason) ?? retryHint })
  }

  async #eachBatch({ batch, heartbeat, isRunning, isStale }: EachBatchPayload): Promise<void> {
    const { partition } = batch
    const alive = (): boolean => isRunning() && !isStale() && !this.#closing.signal.aborted
    const end = Number(batch.highWatermark)
    const batches = batch.messages.map(rawBatchOf)
    for (let at = 0; at < batches.length && alive(); ) {
      const from = batches[at]!.first
      const { messages, next, retry } = await this.#open(partition, batches, at)
      // A seek meanwhile: the messages come again.
      if (!alive()) return
      const to = retry ?? batches[next - 1]!.last + 1
      if (to > from) await this.#handlers.batch({ partition, from, to, end, alive, heartbeat }, messages)
      if (retry !== null) {
        if (alive()) this.seek(partition, retry)
        return
      }
      at = next
      await heartbeat()
    }
  }
}

/**
 * A member of a consumer group that joins again after every failure, until `stop`. It begins at the offsets that `seek`
 * sets; Kafka's committed offsets are not used.
 */
export const openConsumer = (client: KafkaClient, options: ConsumerOptions, handlers: Handlers): Consumer =>
  new Member(client, options, handlers)
