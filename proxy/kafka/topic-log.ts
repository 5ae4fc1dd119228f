import type { Admin } from 'kafkajs'
import type { KafkaClient } from './connect.ts'
import { type TopicId, topicIdOf } from './metadata.ts'

/** Repeated questions about a topic, over one connection. */
export type TopicLog = {
  /** Changes when the topic is deleted and created again. Throws kafkajs' errors. */
  id(): Promise<TopicId>
  /** The offset after the last message of a partition. Throws kafkajs' errors. */
  endOf(partition: number): Promise<number>
  stop(): Promise<void>
}

export const openTopicLog = ({ kafka }: KafkaClient, topic: string): TopicLog => {
  let connected: Promise<Admin> | null = null
  let asked: Promise<TopicId> | null = null

  /** Leaves a connection that failed: it may know only brokers that no longer exist. */
  const ask = async <T>(question: (admin: Admin) => Promise<T>): Promise<T> => {
    const admin = kafka.admin()
    connected ??= admin.connect().then(() => admin)
    const used = connected
    try {
      return await question(await used)
    } catch (error) {
      if (connected === used) connected = null
      void used.then((one) => one.disconnect()).catch(() => {})
      throw error
    }
  }

  const idOf = async (admin: Admin): Promise<TopicId> => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return topicIdOf(topics[0]?.partitions[0] ?? {})
  }

  return {
    // Partitions that are assigned together share one question.
    id: () => {
      asked ??= ask(idOf).finally(() => {
        asked = null
      })
      return asked
    },
    endOf: (partition) =>
      ask(async (admin) => {
        const found = (await admin.fetchTopicOffsets(topic)).find((one) => one.partition === partition)
        if (found === undefined) throw new Error(`${topic} has no partition ${partition}`)
        return Number(found.high)
      }),
    stop: async () => {
      await connected?.then((admin) => admin.disconnect()).catch(() => {})
    },
  }
}
