import { followTopic } from '../../../../collector/source/kafka.ts'
import { readPartition } from '../../../../collector/state/redis-read.ts'
import { encodeEvents, encodeMessage } from '../../../../proxy/events/codec.ts'
import { openKafka } from '../../../../proxy/kafka/connect.ts'
import { openProducer } from '../../../../proxy/kafka/producer.ts'
import { ensureTopics } from '../../../../proxy/kafka/topics.ts'
import type { Logger } from '../../../../proxy/logger/logger.ts'
import { connectRedis } from '../../../../proxy/redis/connect.ts'
import { startKafka } from '../../services/kafka.ts'
import { startRedis } from '../../services/redis.ts'
import { session } from '../examples/example-events.ts'
import { testConfig } from '../kafka/test-config.ts'

const silent: Logger = () => {}

/** Number of events of one connection. */
export const events = session({ at: 0, toClient: 1 }).length

/** A Kafka broker, a Redis, and collectors of a topic with so many partitions. */
export const collecting = async (partitions: number, logger: Logger = silent) => {
  await using stack = new AsyncDisposableStack()
  const kafka = stack.use(await startKafka({ properties: { 'message.max.bytes': 8_000_000 } }))
  const server = stack.use(await startRedis())
  const client = openKafka(testConfig(kafka.brokers, 'mtscope', partitions), 'test', silent)
  await ensureTopics(client)
  const redis = stack.adopt(connectRedis({ urls: [server.url], prefix: 'mtscope' }, 'test', silent), (one) =>
    one.disconnect(),
  )
  await new Promise((resolve) => redis.once('ready', resolve))
  const deadLetters = stack.adopt(openProducer(client, 'mtscope.dead-letters'), (one) => one.close())
  const follow = () => {
    const following = followTopic({
      client,
      redis,
      prefix: 'mtscope',
      deadLetters,
      replayWindowMs: 0,
      now: Date.now,
      logger,
    })
    stopping.push(following.stop)
    return following
  }
  const stopping: (() => Promise<void>)[] = []
  stack.defer(async () => {
    await Promise.all(stopping.map((stop) => stop()))
  })
  const producer = stack.adopt(client.kafka.producer(), (one) => one.disconnect())
  await producer.connect()
  const send = (partition: number, value: Buffer | string, compression = 0) =>
    producer.send({ topic: 'mtscope.events', messages: [{ partition, value }], compression })
  const seqs = new Map<number, number>()
  /** Sends the events of one connection by `to`; each partition has one emitter. */
  const sendSession = async (
    partition: number,
    to: (partition: number, value: string) => Promise<unknown> = send,
  ): Promise<void> => {
    const seq = seqs.get(partition) ?? 1
    seqs.set(partition, seq + events)
    const text = encodeEvents(session({ at: Date.now(), toClient: 1 }))
    await to(partition, encodeMessage({ node: 'n', boot: `b${partition}`, seq, text }))
  }
  /** A counter of the state over all time, in Redis. */
  const counted = async (partition: number, key: string): Promise<number> =>
    (await readPartition(redis, 'mtscope', partition))?.aggregates.counts.get('ever')?.get(0)?.get(key) ?? 0
  const kept = stack.move()
  return {
    kafka,
    redis,
    client,
    follow,
    send,
    sendSession,
    counted,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
