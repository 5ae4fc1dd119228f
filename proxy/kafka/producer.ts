import { setTimeout as delay } from 'node:timers/promises'
import type { Producer as KafkaProducer, ProducerConfig } from 'kafkajs'
import type { KafkaClient } from './connect.ts'
import { failureOf, hintOf, type KafkaFailure, retryHint } from './errors.ts'
import { sentAtHeader } from './records.ts'
import { ensureTopics } from './topics.ts'

export type Outgoing = {
  readonly key?: string | null
  /** Null removes the key from a compacted topic. */
  readonly value: Buffer | string | null
  readonly headers?: Readonly<Record<string, string>>
}

export type Producer = {
  /** The number of partitions of the topic. Waits for a broker; rejects with ProducerClosed. */
  partitions(): Promise<number>
  /**
   * Resolves when all replicas in sync have the messages, in this order, each once. Sends wait for each other. Retries with
   * back-off until it succeeds. Rejects with ProducerClosed after `close`, and with TooLarge when no broker accepts the size.
   */
  send(partition: number, messages: readonly Outgoing[]): Promise<void>
  /** Failed tries since the start, by reason. */
  readonly failures: ReadonlyMap<KafkaFailure, number>
  /** Whether the last try succeeded; null before the first. */
  readonly up: boolean | null
  close(): Promise<void>
}

export class ProducerClosed extends Error {}
export class TooLarge extends Error {}

/** The topic got this partition after kafkajs read its metadata. */
class UnknownPartition extends Error {
  override readonly name = 'UnknownPartition'
}

/** Delay before the next try, ms. */
const backOff = (tries: number): number => Math.min(5_000, 100 * 2 ** Math.min(tries, 6))
// Sequence numbers have 32 bits, and kafkajs wraps one message later than the broker.
const mostMessages = 2_000_000_000

export type ProducerOptions = {
  /** A new producer id after this many messages to one partition. */
  readonly limit?: number
  /** Epoch, ms. */
  readonly now?: () => number
}

const kafkajsOptions: ProducerConfig = {
  idempotent: true,
  maxInFlightRequests: 1,
  allowAutoTopicCreation: false,
  createPartitioner:
    () =>
    ({ message }) =>
      message.partition ?? 0, // every message names its partition
  retry: { retries: 1 }, // kafkajs' minimum for an idempotent producer: `#persist` retries instead
}

/** Its public functions are properties: callers may take them off the object. */
class TopicProducer implements Producer {
  up: boolean | null = null
  readonly failures = new Map<KafkaFailure, number>()
  readonly #client: KafkaClient
  readonly #topic: string
  readonly #limit: number
  readonly #now: (() => number) | undefined
  readonly #closing = new AbortController()
  readonly #closed = Promise.withResolvers<never>()
  /** Messages that the current producer id has sent to each partition. */
  readonly #sent = new Map<number, number>()
  #producer: KafkaProducer | null = null
  #partitions: number | null = null
  #last: Promise<unknown> = Promise.resolve()

  constructor(client: KafkaClient, topic: string, { limit = mostMessages, now }: ProducerOptions) {
    this.#client = client
    this.#topic = topic
    this.#limit = limit
    this.#now = now
    this.#closed.promise.catch(() => {})
  }

  readonly partitions = (): Promise<number> =>
    this.#inTurn(() => this.#persist(async () => this.#partitions ?? 1))

  readonly send = (partition: number, messages: readonly Outgoing[]): Promise<void> =>
    this.#inTurn(() => this.#send(partition, messages))

  readonly close = async (): Promise<void> => {
    this.#closing.abort()
    this.#closed.reject(this.#closedError())
    await this.#last
    // kafkajs waits for requests that are under way; a shutdown must not.
    await Promise.race([this.#drop(), delay(500, undefined, { ref: false })])
  }

  #closedError(): ProducerClosed {
    return new ProducerClosed(`the producer of ${this.#topic} was closed`)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => {})
    return turn
  }

  async #send(partition: number, messages: readonly Outgoing[]): Promise<void> {
    const before = this.#sent.get(partition) ?? 0
    if (before + messages.length > this.#limit) await this.#drop()
    // The same objects in each try: kafkajs then gives them the same sequence numbers.
    const batch = messages.map(({ key = null, value, headers }) => ({
      key,
      value,
      partition,
      headers: { ...headers },
    }))
    const [topic, now, compression] = [this.#topic, this.#now, this.#client.compression]
    await this.#persist(async (to) => {
      // In each try: otherwise a message that waited for its broker would look like one from a slow clock.
      if (now) for (const { headers } of batch) headers[sentAtHeader] = String(now())
      const taken = await to.send({ topic, messages: batch, acks: -1, compression, timeout: 8_000 })
      // kafkajs leaves messages out, without an error, whose partition is newer than its metadata.
      if (batch.length > 0 && taken.length === 0) throw new UnknownPartition(`${topic} ${partition}`)
    })
    this.#sent.set(partition, (this.#sent.get(partition) ?? 0) + messages.length)
  }

  /** Retries `work` until it succeeds, or until `close`, which does not wait for an answer of kafkajs. */
  async #persist<T>(work: (producer: KafkaProducer) => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      if (this.#closing.signal.aborted) throw this.#closedError()
      try {
        const done = await Promise.race([this.#connected().then(work), this.#closed.promise])
        if (this.up === false) this.#client.logger('info', 'kafka-back', { topic: this.#topic })
        this.up = true
        return done
      } catch (error) {
        if (!this.#closing.signal.aborted) await this.#fail(error, tries)
      }
    }
  }

  async #connected(): Promise<KafkaProducer> {
    if (this.#partitions === null) await this.#countPartitions()
    if (this.#producer !== null) return this.#producer
    const producer = this.#client.kafka.producer(kafkajsOptions)
    try {
      await producer.connect()
    } catch (error) {
      await producer.disconnect().catch(() => {})
      throw error
    }
    this.#producer = producer
    return producer
  }

  async #countPartitions(): Promise<void> {
    await ensureTopics(this.#client)
    const admin = this.#client.kafka.admin()
    await admin.connect()
    const { topics } = await admin
      .fetchTopicMetadata({ topics: [this.#topic] })
      .finally(() => admin.disconnect())
    this.#partitions = topics[0]?.partitions.length ?? null
  }

  /** Counts and logs a failure, does what makes the next try succeed, and waits. Throws TooLarge. */
  async #fail(error: unknown, tries: number): Promise<void> {
    const { config, logger } = this.#client
    const reason = failureOf(error, config.brokers)
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1)
    if (reason === 'too-large') throw new TooLarge(`${this.#topic} takes no batch of this size`)
    if (this.up !== false)
      logger('warn', 'kafka-lost', { topic: this.#topic, reason, hint: hintOf(reason) ?? retryHint })
    this.up = false
    // Start over with a new producer id. Messages may come twice by this; readers recognise their seq.
    // Or with new metadata.
    if (reason === 'sequence' || error instanceof UnknownPartition) await this.#drop()
    // kafkajs keeps using a connection that swallows everything until the kernel closes it, a quarter of an hour later.
    // After a reconnect the producer has the same id and sequence numbers.
    const old = this.#producer
    if (reason === 'timeout')
      await old
        ?.disconnect()
        .then(old.connect)
        .catch(() => this.#drop())
    // The topic was deleted, or the broker is another one: create it again.
    if (reason === 'no-topic') this.#partitions = null
    await delay(backOff(tries), undefined, { signal: this.#closing.signal }).catch(() => {})
  }

  async #drop(): Promise<void> {
    const old = this.#producer
    this.#producer = null
    this.#sent.clear()
    await old?.disconnect().catch(() => {})
  }
}

/**
 * An idempotent producer for one topic, with one send in flight and partitions that the caller names: a batch that is sent
 * again after a lost acknowledgement has the same sequence numbers, and the broker drops it. With several in flight, kafkajs
 * mixes the numbers up and loses acknowledged messages. With `now`, each message has the header `sent-at`.
 */
export const openProducer = (client: KafkaClient, topic: string, options: ProducerOptions = {}): Producer =>
  new TopicProducer(client, topic, options)
