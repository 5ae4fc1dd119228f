import { setTimeout as delay } from 'node:timers/promises'
import type { Producer as KafkaProducer } from 'kafkajs'
import type { KafkaClient } from './connect.ts'
import { failureOf, hintOf, type KafkaFailure } from './errors.ts'
import { sentAtHeader } from './records.ts'
import { ensureTopics } from './topics.ts'

export type Outgoing = {
  readonly key?: string | null
  readonly value: Buffer | string
  readonly headers?: Readonly<Record<string, string>>
}

export type Producer = {
  /** How many partitions the topic has. Waits until a broker has said so; rejects when closed meanwhile. */
  partitions(): Promise<number>
  /**
   * Resolves when all replicas in sync have them, in this order, each once; sends wait for each other. A failure is
   * tried again with back-off, for ever: it rejects with ProducerClosed once `close` was called, and with a TooLarge
   * that no broker will ever take.
   */
  send(partition: number, messages: readonly Outgoing[]): Promise<void>
  /** Tries that failed, by why, since the start. */
  readonly failures: ReadonlyMap<KafkaFailure, number>
  /** Whether the last try went well; null before the first. */
  readonly up: boolean | null
  close(): Promise<void>
}

export class ProducerClosed extends Error {}
export class TooLarge extends Error {}

/** Between two tries, ms. */
const backOff = (tries: number): number => Math.min(5_000, 100 * 2 ** Math.min(tries, 6))
// Sequence numbers are 32 bits, and kafkajs goes back to 0 one too late, out of step with the broker.
const mostMessages = 2_000_000_000

/**
 * An idempotent producer for one topic. With one send in flight and the partition named by us, a batch that is sent again
 * after a lost acknowledgement has the same sequence numbers, and the broker drops it; with several in flight kafkajs
 * mixes them up, and acknowledged messages are lost. With `now` each message tells when it was sent.
 */
export const openProducer = (
  client: KafkaClient,
  topic: string,
  { limit = mostMessages, now }: { readonly limit?: number; readonly now?: () => number } = {},
): Producer => {
  const { kafka, logger } = client
  const closing = new AbortController()
  const closed = Promise.withResolvers<never>()
  closed.promise.catch(() => {})
  const failures = new Map<KafkaFailure, number>()
  const sent = new Map<number, number>()
  let producer: KafkaProducer | null = null
  let partitions: number | null = null
  let up: boolean | null = null
  let last: Promise<unknown> = Promise.resolve()

  const drop = async (): Promise<void> => {
    const old = producer
    producer = null
    sent.clear()
    await old?.disconnect().catch(() => {})
  }

  const connected = async (): Promise<KafkaProducer> => {
    if (partitions === null) {
      await ensureTopics(client)
      const admin = kafka.admin()
      await admin.connect()
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] }).finally(() => admin.disconnect())
      partitions = topics[0]?.partitions.length ?? null
    }
    if (producer !== null) return producer
    const fresh = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition ?? 0, // every message names its own
      retry: { retries: 1 }, // the fewest that kafkajs lets an idempotent one have: `persist` knows better
    })
    try {
      await fresh.connect()
    } catch (error) {
      await fresh.disconnect().catch(() => {})
      throw error
    }
    producer = fresh
    return fresh
  }

  const fail = async (error: unknown, tries: number): Promise<void> => {
    const failure = failureOf(error, client.config.brokers)
    failures.set(failure, (failures.get(failure) ?? 0) + 1)
    if (failure === 'too-large') throw new TooLarge(`${topic} takes no batch of this size`)
    if (up !== false)
      logger('warn', 'kafka-lost', { topic, why: failure, hint: hintOf(failure) ?? 'tries again by itself' })
    up = false
    // Both have another idea of what came before: a new producer id begins anew. What may come twice by this has its seq.
    if (failure === 'sequence') await drop()
    // kafkajs goes on using a connection that swallows everything, until the kernel gives it up a quarter of an hour
    // later. A producer that connects again keeps its id and its sequence numbers.
    if (failure === 'timeout') await producer?.disconnect().then(producer.connect).catch(drop)
    // Somebody deleted it, or the broker is another: make it again.
    if (failure === 'no-topic') partitions = null
    await delay(backOff(tries), undefined, { signal: closing.signal }).catch(() => {})
  }

  /** Tries until it is done, or until `close`, which waits for no answer of kafkajs. */
  const persist = async <T>(work: (producer: KafkaProducer) => Promise<T>): Promise<T> => {
    for (let tries = 0; ; tries++) {
      if (closing.signal.aborted) throw new ProducerClosed(`the producer of ${topic} was closed`)
      try {
        const done = await Promise.race([connected().then(work), closed.promise])
        if (up === false) logger('info', 'kafka-back', { topic })
        up = true
        return done
      } catch (error) {
        if (!closing.signal.aborted) await fail(error, tries)
      }
    }
  }

  const send = async (partition: number, messages: readonly Outgoing[]): Promise<void> => {
    const before = sent.get(partition) ?? 0
    if (before + messages.length > limit) await drop()
    // The same objects each time: kafkajs gives them the same sequence numbers.
    const batch = messages.map(({ key = null, value, headers }) => ({
      key,
      value,
      partition,
      headers: { ...headers },
    }))
    await persist((to) => {
      // At each try: a message that waited for its broker does not come from a clock that is behind.
      if (now) for (const { headers } of batch) headers[sentAtHeader] = String(now())
      return to.send({ topic, messages: batch, acks: -1, compression: client.compression, timeout: 8_000 })
    })
    sent.set(partition, (sent.get(partition) ?? 0) + messages.length)
  }

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work)
    last = turn.catch(() => {})
    return turn
  }

  return {
    partitions: () => inTurn(() => persist(async () => partitions ?? 1)),
    send: (partition, messages) => inTurn(() => send(partition, messages)),
    failures,
    get up() {
      return up
    },
    close: async () => {
      closing.abort()
      closed.reject(new ProducerClosed(`the producer of ${topic} was closed`))
      await last
      // kafkajs would wait for what is under way; nobody waits for that.
      await Promise.race([drop(), delay(500, undefined, { ref: false })])
    },
  }
}
